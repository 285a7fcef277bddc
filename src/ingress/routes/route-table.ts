import type { Route } from './ingress-route.ts';
import { parseListeners } from './listeners-text.ts';

/** Age of routes at which the guest's file is read again. */
const FRESH_MS = 1_000;

/** Access to the routes file of a guest. */
export interface ListenersFile {
  /** Returns its text, or null if there is no such file. Untrusted; at most a little above MAX_LISTENERS_BYTES. */
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** One reading of the file; `endedAtMs` is null while it is under way. */
interface Reading {
  readonly routes: Promise<readonly Route[]>;
  endedAtMs: number | null;
}

/** The routes of a guest. They are read again once they are a second old, and when no route covers a path. */
export class RouteTable {
  readonly #file: ListenersFile;
  readonly #now: () => number;
  #last: Reading | null = null;
  /** The last write: reads wait for it. */
  #written: Promise<void> = Promise.resolve();

  constructor(file: ListenersFile, now: () => number = () => performance.now()) {
    this.#file = file;
    this.#now = now;
  }

  /** Returns the routes. @throws {GondolinError} INGRESS_ROUTES_INVALID; the error of the guest. */
  routes(): Promise<readonly Route[]> {
    const last = this.#last;
    const endedAtMs = last?.endedAtMs ?? null;
    const isOld = endedAtMs !== null && this.#now() - endedAtMs >= FRESH_MS;
    return last === null || isOld ? this.#start() : last.routes;
  }

  /** Reads the file again, unless a reading is under way. */
  reload(): Promise<readonly Route[]> {
    const last = this.#last;
    return last !== null && last.endedAtMs === null ? last.routes : this.#start();
  }

  #start(): Promise<readonly Route[]> {
    const reading: Reading = {
      routes: this.#read().finally(() => {
        reading.endedAtMs = this.#now();
      }),
      endedAtMs: null,
    };
    this.#last = reading;
    return reading.routes;
  }

  async #read(): Promise<readonly Route[]> {
    // Its failure is that of the call that wrote.
    await this.#written.catch(() => undefined);
    return parseListeners((await this.#file.read()) ?? '');
  }

  /** Replaces the file. Requests that arrive after the call use the new routes. */
  write(text: string): Promise<void> {
    this.#written = this.#written.catch(() => undefined).then(() => this.#file.write(text));
    this.#last = null;
    return this.#written;
  }
}
