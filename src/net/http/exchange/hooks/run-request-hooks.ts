import { GondolinError } from '../../../../errors/gondolin-error.ts';
import type { RequestHooks } from '../../../hooks/http-hooks.ts';
import { type Fields, fieldValues } from '../../fields.ts';
import type { OutgoingRequest } from '../outgoing-request.ts';

/** The request as the hooks changed it, or their response. */
export type Hooked =
  | { readonly kind: 'response'; readonly response: Response; readonly request: Request }
  | {
      readonly kind: 'send';
      readonly url: URL;
      readonly outgoing: OutgoingRequest;
      readonly request: Request;
    };

/** Methods whose requests have no body in fetch; the guest's body is passed on beside the hook. */
const BODILESS = new Set(['GET', 'HEAD']);

/**
 * Shows a request to `onRequestHead` and `onRequest`.
 *
 * @param url  The absolute URL that the guest asked for.
 * @throws {GondolinError} NET_HOOK_FAILED when a hook throws or gives something else.
 */
export async function runRequestHooks(
  hooks: RequestHooks,
  guest: OutgoingRequest,
  url: string,
): Promise<Hooked> {
  let request = await built(() => requestOf(guest, url));
  const { onRequestHead, onRequest } = hooks;
  if (onRequestHead !== undefined) {
    const head = new Request(request.url, { method: request.method, headers: request.headers });
    const given = await called('onRequestHead', () => onRequestHead(head));
    if (isResponse(given)) return { kind: 'response', response: given, request };
    // The same object may have been changed in place.
    request = withHead(request, given ?? head);
  }
  let isReplaced = false;
  if (onRequest !== undefined) {
    const given = await called('onRequest', () => onRequest(request));
    if (isResponse(given)) return { kind: 'response', response: given, request };
    isReplaced = given !== undefined && given !== request;
    request = given ?? request;
  }
  return {
    kind: 'send',
    url: new URL(request.url),
    outgoing: outgoingOf(request, guest, isReplaced),
    request,
  };
}

/**
 * Shows a response to `onResponse`.
 *
 * @throws {GondolinError} NET_HOOK_FAILED as above.
 */
export async function runResponseHook(
  hook: NonNullable<RequestHooks['onResponse']>,
  response: Response,
  request: Request,
): Promise<Response> {
  const given = await called('onResponse', () => hook(response, request));
  if (given !== undefined && !isResponse(given)) throw failed('onResponse', 'it gave no Response');
  return given ?? response;
}

function requestOf(guest: OutgoingRequest, url: string): Request {
  const hasBody = guest.body !== null && !BODILESS.has(guest.method);
  const init = hasBody ? { body: ReadableStream.from(guest.body ?? []), duplex: 'half' } : {};
  return new Request(url, {
    method: guest.method,
    headers: headersOf(guest.fields),
    ...init,
  } as RequestInit);
}

function withHead(request: Request, head: Request): Request {
  const body =
    request.body === null || BODILESS.has(head.method)
      ? {}
      : { body: request.body, duplex: 'half' };
  return new Request(head.url, {
    method: head.method,
    headers: head.headers,
    ...body,
  } as RequestInit);
}

function outgoingOf(
  request: Request,
  guest: OutgoingRequest,
  isReplaced: boolean,
): OutgoingRequest {
  const url = new URL(request.url);
  const isBeside =
    guest.body !== null && BODILESS.has(request.method) && BODILESS.has(guest.method);
  const body = isBeside ? guest.body : bytesOf(request.body);
  const fields = [...request.headers].flat();
  const isLengthTrue = !isReplaced || isBeside;
  return {
    method: request.method,
    path: url.pathname + url.search,
    fields: isLengthTrue ? fields : without(fields, 'content-length'),
    body,
    trailers: guest.trailers,
  };
}

/** Chunks of a web stream; a hook may give texts' bytes as any Uint8Array. */
function bytesOf(body: ReadableStream<Uint8Array> | null): AsyncIterable<Buffer> | null {
  if (body === null) return null;
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
    },
  };
}

/** Flat fields as `Headers`; what HTTP allows and fetch does not (bytes over 0xff never occur) is refused there. */
export function headersOf(fields: Fields): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < fields.length; at += 2)
    headers.append(fields[at] ?? '', fields[at + 1] ?? '');
  return headers;
}

function without(fields: Fields, name: string): Fields {
  if (fieldValues(fields, name).length === 0) return fields;
  return fields.flatMap((field, at) =>
    at % 2 === 0 && field.toLowerCase() !== name ? [field, fields[at + 1] ?? ''] : [],
  );
}

function isResponse(value: unknown): value is Response {
  return value instanceof Response;
}

async function called<T>(name: string, hook: () => T | Promise<T>): Promise<T> {
  let given: T;
  try {
    given = await hook();
  } catch (cause) {
    throw failed(name, 'it threw', cause);
  }
  if (given !== undefined && !(given instanceof Request) && !(given instanceof Response)) {
    throw failed(name, 'it gave neither a Request nor a Response');
  }
  return given;
}

async function built<T>(make: () => T): Promise<T> {
  try {
    return make();
  } catch (cause) {
    throw failed(
      'onRequest',
      'the request of the guest cannot be expressed as a fetch Request',
      cause,
    );
  }
}

function failed(hook: string, why: string, cause?: unknown): GondolinError {
  return new GondolinError('NET_HOOK_FAILED', `the hook ${hook} failed: ${why}`, {
    cause,
    details: { hook },
  });
}
