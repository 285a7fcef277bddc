import type { Socket } from 'node:net';
import { GondolinError } from '../errors/gondolin-error.ts';

/** Most bytes of a request, including its line end. */
export const MAX_REQUEST_BYTES = 16 * 1024;
/** Most bytes of a reply. */
export const MAX_REPLY_BYTES = 1024 * 1024;

/** Creates the error for a failed exchange with another gondolin. */
export function sessionFailed(reason: string, cause?: unknown): GondolinError {
  const facts = cause === undefined ? {} : { cause };
  return new GondolinError('SESSION_FAILED', `the other gondolin: ${reason}`, facts);
}

/**
 * Reads one line from a socket and returns it without its line end. What follows is not read.
 * @throws {GondolinError} SESSION_FAILED when the line exceeds `maxBytes` or the socket ends first.
 */
export function readLine(socket: Socket, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void) => {
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
      socket.pause();
      settle();
    };
    socket.on('data', (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a);
      const piece = end < 0 ? chunk : chunk.subarray(0, end);
      size += piece.length;
      if (size >= maxBytes) {
        finish(() => reject(sessionFailed(`its line exceeds ${maxBytes} bytes`)));
        return;
      }
      chunks.push(piece);
      if (end >= 0) finish(() => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    socket.on('end', () =>
      finish(() => reject(sessionFailed('it closed the connection without a reply'))),
    );
    socket.on('error', (error) => finish(() => reject(sessionFailed(error.message, error))));
    socket.on('close', () => reject(sessionFailed('it closed the connection without a reply')));
  });
}

/** Formats a JSON value as one line; JSON escapes line ends in strings. */
export function formatLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
