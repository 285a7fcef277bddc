import type { Duplex } from 'node:stream';
import type { Fields } from './fields.ts';
import type { Attempt, ResponseHandler, ResponseHead, Tunnel } from './response-handler.ts';

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
export class GuardedHandler implements ResponseHandler {
  readonly #next: ResponseHandler;
  readonly #onThrow: (error: Error) => void;

  /** @param onThrow  As for `createGuard`. */
  constructor(next: ResponseHandler, onThrow: (error: Error) => void) {
    this.#next = next;
    this.#onThrow = onThrow;
  }

  onStart(attempt: Attempt): void {
    try {
      this.#next.onStart(attempt);
    } catch (error) {
      this.#onThrow(toError(error));
    }
  }

  onInformation(status: number, fields: Fields): void {
    try {
      this.#next.onInformation(status, fields);
    } catch (error) {
      this.#onThrow(toError(error));
    }
  }

  onHead(head: ResponseHead, resume: () => void): boolean {
    try {
      return this.#next.onHead(head, resume);
    } catch (error) {
      this.#onThrow(toError(error));
      return true;
    }
  }

  onData(chunk: Buffer): boolean {
    try {
      return this.#next.onData(chunk);
    } catch (error) {
      this.#onThrow(toError(error));
      return true;
    }
  }

  onEnd(trailers: Fields): void {
    try {
      this.#next.onEnd(trailers);
    } catch (error) {
      this.#onThrow(toError(error));
    }
  }

  onUpgrade(head: ResponseHead, tunnel: Tunnel): void {
    try {
      this.#next.onUpgrade(head, tunnel);
    } catch (error) {
      this.#onThrow(toError(error));
    }
  }

  onError(error: Error): void {
    try {
      this.#next.onError(error);
    } catch (thrown) {
      this.#onThrow(toError(thrown));
    }
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
