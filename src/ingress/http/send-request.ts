import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { trailerPairs } from './fields.ts';
import { MAX_HEAD_BYTES } from './gateway-settings.ts';
import type { RoutedRequest } from './route-request.ts';

/** The head of the server's response, or the stream that follows a `101 Switching Protocols`. */
export type ServerReply =
  | { readonly kind: 'response'; readonly response: IncomingMessage }
  | {
      readonly kind: 'upgrade';
      readonly response: IncomingMessage;
      /** Bytes that followed the head. */
      readonly head: Buffer;
    };

/** Carries the body and its trailers to the server. A client that goes away ends the request. */
function sendBody(message: IncomingMessage, call: ClientRequest): void {
  message.once('end', () => {
    const trailers = trailerPairs(message);
    if (trailers.length > 0 && call.hasHeader('transfer-encoding')) call.addTrailers(trailers);
    call.end();
  });
  message.on('error', (error) => call.destroy(error));
  call.once('close', () => {
    message.unpipe(call);
    // The server has responded without reading the rest, which nobody needs.
    message.resume();
  });
  message.pipe(call, { end: false });
}

function failed(port: number, problem: string, cause?: unknown): GondolinError {
  const facts = cause === undefined ? {} : { cause };
  const message = `the server on port ${port} of the guest ${problem}`;
  return new GondolinError('INGRESS_SERVER_FAILED', message, { ...facts, details: { port } });
}

/** Says what went wrong without the server's bytes. */
function problemOf(error: NodeJS.ErrnoException): string {
  if (error.code?.startsWith('HPE_')) return 'sent an invalid response';
  return 'closed the connection before it responded';
}

/** Waits for the head of the response. */
function awaitReply(call: ClientRequest, port: number, limitMs: number): Promise<ServerReply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const message = `the server on port ${port} of the guest did not respond within ${limitMs / 1000} s`;
      reject(new GondolinError('INGRESS_SERVER_TIMEOUT', message, { details: { port } }));
    }, limitMs);
    call.once('response', (response) => resolve({ kind: 'response', response }));
    call.once('upgrade', (response, _stream, head) => resolve({ kind: 'upgrade', response, head }));
    call.on('error', (error) => reject(failed(port, problemOf(error), error)));
    call.once('close', () => {
      clearTimeout(timer);
      reject(failed(port, 'closed the connection before it responded'));
    });
    call.once('response', () => clearTimeout(timer));
    call.once('upgrade', () => clearTimeout(timer));
  });
}

/**
 * Sends a request over a connection to the server, and resolves with the head of its response.
 * @throws {GondolinError} INGRESS_SERVER_FAILED, INGRESS_SERVER_TIMEOUT.
 */
export async function sendRequest(
  stream: Duplex,
  routed: RoutedRequest,
  message: IncomingMessage,
  response: ServerResponse,
  limitMs: number,
): Promise<ServerReply> {
  const { request, fields, hasBody } = routed;
  const call = httpRequest({
    createConnection: () => stream,
    method: request.method,
    path: request.backendTarget,
    headers: fields,
    setHost: false,
    maxHeaderSize: MAX_HEAD_BYTES,
  });
  const reply = awaitReply(call, request.backendPort, limitMs);
  call.once('continue', () => {
    if (!response.headersSent) response.writeContinue();
  });
  if (hasBody) {
    call.flushHeaders();
    sendBody(message, call);
  } else {
    call.end();
  }
  return reply;
}
