import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  LOOKUP_CACHE_NAMES,
  LOOKUP_MS,
  MAX_LOOKUPS_AT_ONCE,
  MAX_LOOKUPS_WAITING,
} from '../dns/limits.ts';
import type { Resolve } from './dial.ts';
import { systemCode } from './system-code.ts';

type Addresses = readonly string[];

interface Known {
  readonly addresses: Addresses;
  readonly untilMs: number;
}

/**
 * Resolves names for one VM: one lookup per name at a time, few at once, the rest in a bounded queue. The resolver uses the
 * process's thread pool and may occupy a thread for minutes.
 */
export class Lookups {
  readonly #resolve: Resolve;
  readonly #cacheMs: number;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<Addresses>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param cacheMs  How long a result is reused for further connections, in milliseconds. */
  constructor(resolve: Resolve, cacheMs: number) {
    this.#resolve = resolve;
    this.#cacheMs = cacheMs;
  }

  /**
   * Returns every address of a name.
   * @throws {GondolinError} NET_NAME_UNRESOLVED (details: code): the resolver's, ETIMEDOUT, or EAGAIN beyond the queue.
   */
  async resolve(name: string): Promise<Addresses> {
    const known = this.#known.get(name);
    if (known !== undefined && performance.now() < known.untilMs) return known.addresses;
    let asked = this.#asked.get(name);
    if (asked === undefined) {
      if (this.#waiting.length >= MAX_LOOKUPS_WAITING) throw unresolved(name, 'EAGAIN');
      asked = this.#ask(name).finally(() => this.#asked.delete(name));
      this.#asked.set(name, asked);
      // Callers get the rejection from `inTime`; all of them may have timed out.
      asked.catch(() => undefined);
    }
    return inTime(name, asked);
  }

  async #ask(name: string): Promise<Addresses> {
    if (this.#running >= MAX_LOOKUPS_AT_ONCE) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      const addresses = await this.#resolve(name);
      this.#keep(name, addresses);
      return addresses;
    } catch (cause) {
      throw unresolved(name, systemCode(cause), cause);
    } finally {
      // The slot passes to the next in the queue, or becomes free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #keep(name: string, addresses: Addresses): void {
    this.#known.delete(name);
    this.#known.set(name, { addresses, untilMs: performance.now() + this.#cacheMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > LOOKUP_CACHE_NAMES && oldest !== undefined) this.#known.delete(oldest);
  }
}

function inTime(name: string, asked: Promise<Addresses>): Promise<Addresses> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(unresolved(name, 'ETIMEDOUT')), LOOKUP_MS);
    asked.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function unresolved(name: string, code: string | null, cause?: unknown): GondolinError {
  return new GondolinError('NET_NAME_UNRESOLVED', `the host cannot resolve ${name}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { code },
  });
}
