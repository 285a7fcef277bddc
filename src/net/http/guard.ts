import type { Duplex } from 'node:stream';
import type { ResponseHandler } from './response-handler.ts';

/** Wraps a callback that Node calls. */
export type Guard = <Args extends readonly unknown[]>(
  callback: (...args: Args) => void,
) => (...args: Args) => void;

/**
 * Makes a guard for callbacks that bytes of a peer can reach: a throw that escapes one would end the process, and every
 * VM with it.
 *
 * @param onThrow  Ends what the callback served. Receives an `Error`, whatever was thrown.
 */
export function createGuard(onThrow: (error: Error) => void): Guard {
  return (callback) =>
    (...args) => {
      try {
        callback(...args);
      } catch (error) {
        onThrow(toError(error));
      }
    };
}

/**
 * Guards everything that listens to a stream, Node's own parser and its assertions included: they run inside the
 * stream's events.
 */
export function guardEvents(stream: Duplex, onThrow: (error: Error) => void): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    try {
      return emit(event, ...args);
    } catch (error) {
      onThrow(toError(error));
      return true;
    }
  };
}

/** Guards a handler that a server's bytes call. After a throw it asks for no pause. */
export function guardHandler(handler: ResponseHandler, guard: Guard): ResponseHandler {
  const ask = (question: () => boolean): boolean => {
    let isWanted = true;
    guard(() => {
      isWanted = question();
    })();
    return isWanted;
  };
  return {
    onStart: guard((attempt) => handler.onStart(attempt)),
    onInformation: guard((status, fields) => handler.onInformation(status, fields)),
    onHead: (head, resume) => ask(() => handler.onHead(head, resume)),
    onData: (chunk) => ask(() => handler.onData(chunk)),
    onEnd: guard((trailers) => handler.onEnd(trailers)),
    onUpgrade: guard((head, tunnel) => handler.onUpgrade(head, tunnel)),
    onError: guard((error) => handler.onError(error)),
  };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
