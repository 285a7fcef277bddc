import type { Duplex } from 'node:stream';
import type { UpstreamHandler } from './upstream/upstream-call.ts';

/** Wraps a callback that Node calls. */
export type Guard = <Args extends readonly unknown[]>(
  callback: (...args: Args) => void,
) => (...args: Args) => void;

/**
 * Makes a guard for callbacks that bytes of a peer can reach: a throw that left one would end the process, and every VM
 * with it.
 *
 * @param onThrow  Ends what the callback served. Gets an `Error`, whatever was thrown.
 */
export function createGuard(onThrow: (error: Error) => void): Guard {
  return (callback) =>
    (...args) => {
      try {
        callback(...args);
      } catch (error) {
        onThrow(errorOf(error));
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
      onThrow(errorOf(error));
      return true;
    }
  };
}

/** The same for all that a server's bytes call. After a throw the handler asks for no pause. */
export function guardHandler(handler: UpstreamHandler, guard: Guard): UpstreamHandler {
  const ask = (question: () => boolean): boolean => {
    let answer = true;
    guard(() => {
      answer = question();
    })();
    return answer;
  };
  return {
    onStart: guard((attempt) => handler.onStart(attempt)),
    onInformation: guard((status, fields) => handler.onInformation(status, fields)),
    onHead: (head, resume) => ask(() => handler.onHead(head, resume)),
    onData: (chunk) => ask(() => handler.onData(chunk)),
    onEnd: guard((trailers) => handler.onEnd(trailers)),
    onUpgrade: guard((head, stream) => handler.onUpgrade(head, stream)),
    onError: guard((error) => handler.onError(error)),
  };
}

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
