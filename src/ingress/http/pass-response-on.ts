import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { IngressHeaders, IngressHooks, IngressResponse } from '../ingress-hooks.ts';
import { callHook, hookFailed } from './call-hook.ts';
import { endToEndFields, listMembers, patchFields, trailerPairs } from './fields.ts';
import type { RoutedRequest } from './route-request.ts';

/** A reason phrase as Node writes it; the guest's may have other bytes. */
const REASON = /^[\t\x20-\x7e]*$/;

function serverFailed(problem: string): GondolinError {
  return new GondolinError('INGRESS_SERVER_FAILED', `the server in the guest ${problem}`);
}

async function readBody(reply: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw serverFailed(`sent more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (GondolinError.is(error)) throw error;
    throw new GondolinError('INGRESS_SERVER_FAILED', 'the response of the guest was cut off', {
      cause: error,
    });
  }
  return Buffer.concat(chunks);
}

function readHead(reply: IncomingMessage): IngressResponse {
  const { statusCode = 0, statusMessage = '' } = reply;
  const codings = listMembers(reply.headersDistinct['transfer-encoding']);
  if (statusCode < 200 || statusCode > 599) throw serverFailed(`sent the status ${statusCode}`);
  if (codings.some((coding) => coding !== 'chunked')) {
    throw serverFailed('sent a transfer coding other than chunked');
  }
  return {
    statusCode,
    statusMessage: REASON.test(statusMessage) ? statusMessage : (STATUS_CODES[statusCode] ?? ''),
    headers: endToEndFields(reply),
  };
}

interface Reply extends Omit<IngressResponse, 'headers'> {
  readonly headers: IngressHeaders;
  /** Null for the body that the server sends. */
  readonly own: Uint8Array | null;
}

async function askHook(
  head: IngressResponse,
  routed: RoutedRequest,
  { onResponse }: IngressHooks,
): Promise<Reply> {
  const own = head.body ?? null;
  const patch = await callHook('onResponse', () => onResponse?.(head, routed.request));
  const { statusCode = head.statusCode, statusMessage = head.statusMessage, body } = patch ?? {};
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    throw hookFailed('onResponse', 'returned a status that is not 200 to 599');
  }
  if (!REASON.test(statusMessage)) throw hookFailed('onResponse', 'returned an invalid reason');
  if (body !== undefined && !(body instanceof Uint8Array)) {
    throw hookFailed('onResponse', 'returned a body that is not bytes');
  }
  const headers = { ...head.headers };
  patchFields('onResponse', headers, patch?.headers);
  return { statusCode, statusMessage, headers, own: body ?? own };
}

function isBodyless(response: ServerResponse, statusCode: number): boolean {
  return response.req.method === 'HEAD' || statusCode === 204 || statusCode === 304;
}

/** Sends the server's response to the client as it arrives, with its trailers, or the body that a hook chose. */
export async function passResponseOn(
  reply: IncomingMessage,
  routed: RoutedRequest,
  response: ServerResponse,
  hooks: IngressHooks,
): Promise<void> {
  const head = readHead(reply);
  const isBuffered = routed.bufferResponseBody && hooks.onResponse !== undefined;
  const body = isBuffered ? await readBody(reply, routed.maxBufferedResponseBodyBytes) : undefined;
  const offered = body === undefined ? head : { ...head, body };
  const { statusCode, statusMessage, headers, own } = await askHook(offered, routed, hooks);
  const isWithoutBody = isBodyless(response, statusCode);
  if (own !== null && !isWithoutBody) headers['content-length'] = String(own.length);
  // What the client still sends would be taken for its next request.
  if (!response.req.complete) headers['connection'] = 'close';
  response.writeHead(statusCode, statusMessage, headers);
  if (own !== null || isWithoutBody) {
    response.end(isWithoutBody ? undefined : own);
    return;
  }
  response.flushHeaders();
  reply.once('end', () => {
    const trailers = trailerPairs(reply);
    if (trailers.length > 0 && response.chunkedEncoding) response.addTrailers(trailers);
  });
  await pipeline(reply, response);
}
