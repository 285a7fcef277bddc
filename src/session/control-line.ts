import type { Socket } from 'node:net';
import { GondolinError } from '../errors/gondolin-error.ts';

/** Most bytes of a request, including its line end. */
export const MAX_REQUEST_BYTES = 256 * 1024;
/** Most bytes of a reply. */
export const MAX_REPLY_BYTES = 1024 * 1024;

/** Creates the error for a failed exchange with another gondolin. */
export function sessionFailed(reason: string, cause?: unknown): GondolinError {
  const facts = cause === undefined ? {} : { cause };
  return new GondolinError('SESSION_FAILED', `the other gondolin: ${reason}`, facts);
}

/**
 * Reads one line from a socket and returns it without its line end. What follows it is left in the socket, which is paused.
 * @throws {GondolinError} SESSION_FAILED when the line exceeds `maxBytes` or the socket ends first.
 */
export function readLine(socket: Socket, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void) => {
      socket.off('data', take).off('end', end).off('error', fail).off('close', end);
      socket.pause();
      settle();
    };
    const end = () =>
      finish(() => reject(sessionFailed('it closed the connection without a reply')));
    const fail = (error: Error) => finish(() => reject(sessionFailed(error.message, error)));
    const take = (chunk: Buffer) => {
      const length = chunk.indexOf(0x0a);
      const piece = length < 0 ? chunk : chunk.subarray(0, length);
      size += piece.length;
      if (size >= maxBytes) {
        finish(() => reject(sessionFailed(`its line exceeds ${maxBytes} bytes`)));
        return;
      }
      chunks.push(piece);
      if (length < 0) return;
      finish(() => resolve(Buffer.concat(chunks).toString('utf8')));
      const rest = chunk.subarray(length + 1);
      if (rest.length > 0) socket.unshift(rest);
    };
    socket.on('data', take).on('end', end).on('error', fail).on('close', end);
  });
}

/** Formats a JSON value as one line; JSON escapes line ends in strings. */
export function formatLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
