import type { Socket } from 'node:net';
import { GondolinError } from '../errors/gondolin-error.ts';

/** Most bytes of a request, its line end counted. */
export const MAX_REQUEST_BYTES = 16 * 1024;
/** Most bytes of a reply. */
export const MAX_REPLY_BYTES = 1024 * 1024;

/** The error of a conversation that went wrong. */
export function sessionFailed(reason: string, cause?: unknown): GondolinError {
  const facts = cause === undefined ? {} : { cause };
  return new GondolinError('SESSION_FAILED', `the other gondolin: ${reason}`, facts);
}

/**
 * The one line that comes on a socket, without its line end. What follows it is not read.
 * @throws {GondolinError} SESSION_FAILED when it is longer than `maxBytes` or the socket ends first.
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
        finish(() => reject(sessionFailed(`its line is longer than ${maxBytes} bytes`)));
        return;
      }
      chunks.push(piece);
      if (end >= 0) finish(() => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    socket.on('end', () => finish(() => reject(sessionFailed('it ended without an answer'))));
    socket.on('error', (error) => finish(() => reject(sessionFailed(error.message, error))));
    socket.on('close', () => reject(sessionFailed('it ended without an answer')));
  });
}

/** One JSON value as a line. JSON writes line ends inside texts as escapes. */
export function formatLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
