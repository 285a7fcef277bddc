import type { IngressRoute } from './routes/ingress-route.ts';

// biome-ignore lint/suspicious/noConfusingVoidType: a hook that changes nothing needs no return
type Given<T> = T | void | Promise<T | void>;

/**
 * Fields of a message by name, in lower case; a field that occurs several times has a list.
 *
 * @example
 * const headers: IngressHeaders = { accept: 'text/html', 'x-tag': ['a', 'b'] };
 */
export type IngressHeaders = Record<string, string | string[]>;

/**
 * Changes to fields: a value sets a field, null removes it.
 *
 * @example
 * const headers: IngressHeaderPatch = { 'x-added': '1', 'x-removed': null };
 * await vm.enableIngress({ hooks: { onRequest: () => ({ headers }) } });
 */
export type IngressHeaderPatch = Readonly<
  Record<string, string | readonly string[] | null | undefined>
>;

/**
 * A request as it arrived at the gateway.
 *
 * @example
 * const isAllowed = ({ method, path }: IngressCall) => method === 'GET' && !path.startsWith('/admin');
 * await vm.enableIngress({ hooks: { isAllowed } });
 */
export interface IngressCall {
  /** IP address of the client. */
  readonly clientIp: string;
  readonly method: string;
  /** Path and query as the client sent them, with `.` and `..` resolved. */
  readonly path: string;
  readonly headers: Readonly<IngressHeaders>;
  readonly route: Required<IngressRoute>;
}

/**
 * A request as the server in the guest will get it.
 *
 * @example
 * const onRequest = ({ backendTarget }: IngressRequest) => ({ backendTarget: `/v2${backendTarget}` });
 * await vm.enableIngress({ hooks: { onRequest } });
 */
export interface IngressRequest extends IngressCall {
  readonly backendPort: number;
  /** Path and query for the server, without the prefix of the route if that is stripped. */
  readonly backendTarget: string;
}

/**
 * Changes to a request. What is left out stays as it is.
 *
 * @example
 * const patch: IngressRequestPatch = { headers: { 'x-added': '1' }, bufferResponseBody: true };
 * await vm.enableIngress({ hooks: { onRequest: () => patch } });
 */
export interface IngressRequestPatch {
  readonly method?: string;
  readonly backendPort?: number;
  readonly backendTarget?: string;
  readonly headers?: IngressHeaderPatch;
  /** Overrides the option of the gateway for this request. */
  readonly bufferResponseBody?: boolean;
  /** Overrides the option of the gateway for this request. */
  readonly maxBufferedResponseBodyBytes?: number;
}

/**
 * A response of the server in the guest. Untrusted.
 *
 * @example
 * const onResponse = ({ statusCode }: IngressResponse) => ({ headers: { 'x-was': String(statusCode) } });
 * await vm.enableIngress({ hooks: { onResponse } });
 */
export interface IngressResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Readonly<IngressHeaders>;
  /** Only with `bufferResponseBody`; compressed if the server compressed it. */
  readonly body?: Buffer;
}

/**
 * Changes to a response. What is left out stays as it is.
 *
 * @example
 * const patch: IngressResponsePatch = { statusCode: 503, body: Buffer.from('later\n') };
 * await vm.enableIngress({ hooks: { onResponse: () => patch } });
 */
export interface IngressResponsePatch {
  readonly statusCode?: number;
  readonly statusMessage?: string;
  readonly headers?: IngressHeaderPatch;
  /** Replaces the body, whether it was buffered or not. */
  readonly body?: Uint8Array;
}

/**
 * Functions that see and change what passes an ingress gateway.
 *
 * @example
 * const hooks: IngressHooks = {
 *   isAllowed: ({ path }) => !path.startsWith('/admin'),
 *   onRequest: () => ({ headers: { 'x-added': '1', 'x-removed': null } }),
 *   onResponse: () => ({ headers: { 'x-ingress': '1' } }),
 * };
 * await vm.enableIngress({ hooks });
 */
export interface IngressHooks {
  /** False refuses the request with a 403; throw an {@link IngressRequestBlockedError} for another response. */
  readonly isAllowed?: (call: IngressCall) => boolean | Promise<boolean>;
  /** Called for each allowed request, WebSocket handshakes included. */
  readonly onRequest?: (request: IngressRequest) => Given<IngressRequestPatch>;
  /** Called for each response of the guest except `101 Switching Protocols`. */
  readonly onResponse?: (
    response: IngressResponse,
    request: IngressRequest,
  ) => Given<IngressResponsePatch>;
}

/**
 * Thrown by `isAllowed` or `onRequest` to refuse a request with a response of your own.
 *
 * @example
 * const isAllowed = () => {
 *   throw new IngressRequestBlockedError('no admin here', 404, 'Not Found', 'nope\n');
 * };
 * await vm.enableIngress({ hooks: { isAllowed } });
 */
export class IngressRequestBlockedError extends Error {
  override readonly name = 'IngressRequestBlockedError';
  /** 400 to 599. */
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Body of the response, as plain text. */
  readonly body: string;

  constructor(
    message = 'request blocked',
    statusCode = 403,
    statusMessage = 'Forbidden',
    body = 'forbidden\n',
  ) {
    super(message);
    if (!Number.isInteger(statusCode) || statusCode < 400 || statusCode > 599) {
      throw new RangeError(`statusCode: got ${statusCode}, want 400 to 599`);
    }
    if (!/^[\t\x20-\x7e]*$/.test(statusMessage)) {
      throw new RangeError('statusMessage: want one line of ASCII');
    }
    this.statusCode = statusCode;
    this.statusMessage = statusMessage;
    this.body = body;
  }
}
