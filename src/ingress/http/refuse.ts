import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { ErrorCode } from '../../errors/codes.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { IngressRequestBlockedError } from '../ingress-hooks.ts';

/** Status of the response to a request that failed with a code; 502 for any other. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  INGRESS_REQUEST_INVALID: 400,
  INGRESS_REFUSED: 403,
  INGRESS_NO_ROUTE: 404,
  INGRESS_BUSY: 503,
  MUX_STREAM_LIMIT: 503,
  VM_NOT_RUNNING: 503,
  INGRESS_SERVER_TIMEOUT: 504,
  VM_CONNECT_TIMEOUT: 504,
};

/** A response of the gateway itself. */
interface OwnResponse {
  readonly status: number;
  readonly message: string;
  readonly body: string;
}

function ownResponse(error: unknown): OwnResponse {
  if (error instanceof IngressRequestBlockedError) {
    const { statusCode: status, statusMessage: message, body } = error;
    return { status, message, body };
  }
  const { code, message, hint } = GondolinError.is(error)
    ? error
    : new GondolinError('INGRESS_SERVER_FAILED', 'the request failed', { cause: error });
  const status = STATUS[code] ?? 502;
  return { status, message: STATUS_CODES[status] ?? '', body: `${code}: ${message}\n${hint}\n` };
}

/**
 * Responds with the code, message and hint of an error as plain text. A response that has begun is cut instead, so that the
 * client does not take it for complete.
 */
export function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, message, body } = ownResponse(error);
  response.writeHead(status, message, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // The rest of the request is not read.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
