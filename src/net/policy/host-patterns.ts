import { type Host, parseHost } from '../../address/host.ts';
import { coversHost } from '../../address/host-pattern.ts';
import {
  coversPort,
  type ListedPattern,
  type PatternList,
  readListedPattern,
} from './listed-pattern.ts';

/** A compiled host list. The first entry in writing order that matches is the one named. */
export class HostPatterns {
  readonly #exact = new Map<string, ListedPattern[]>();
  readonly #others: ListedPattern[] = [];

  constructor(patterns: Iterable<ListedPattern>) {
    for (const pattern of patterns) {
      if (pattern.host.kind !== 'name') this.#others.push(pattern);
      else
        this.#exact.set(pattern.host.name, [
          ...(this.#exact.get(pattern.host.name) ?? []),
          pattern,
        ]);
    }
  }

  /** Every entry, in no order. */
  get all(): readonly ListedPattern[] {
    return [...[...this.#exact.values()].flat(), ...this.#others];
  }

  /** Exact names of the list, in writing order, each once. */
  get names(): readonly string[] {
    return [...this.#exact.keys()];
  }

  /** True when an entry has `/tcp`. */
  get hasTcp(): boolean {
    return this.all.some((pattern) => pattern.isTcp);
  }

  /** Every entry that covers the host on some port: exact names first. */
  covering(host: Host): readonly ListedPattern[] {
    const exact = host.kind === 'name' ? this.#exact.get(host.name) : undefined;
    return [...(exact ?? []), ...this.#others.filter((pattern) => coversHost(pattern.host, host))];
  }

  /** The entry for a host and port. `isTcp` asks for entries with or without `/tcp`; undefined for either. */
  find(host: Host, port: number, isTcp?: boolean): ListedPattern | undefined {
    return this.covering(host).find(
      (pattern) => coversPort(pattern, port) && (isTcp === undefined || pattern.isTcp === isTcp),
    );
  }

  /** Works like {@link find} on untrusted text; returns the entry as written, or null. Never throws. */
  match(hostText: string, port: number): string | null {
    const host = parseHost(hostText);
    return host === null ? null : (this.find(host, port)?.entry ?? null);
  }
}

/**
 * Compiles a list of host patterns, for `passthrough`, a secret's hosts and the like: an entry without a port means every
 * port there.
 * @throws {GondolinError} NET_PATTERN_INVALID naming the field, the entry and the fix.
 */
export function compileHostPatterns(
  entries: readonly string[],
  field: string,
  list: Partial<Omit<PatternList, 'field'>> = {},
): HostPatterns {
  const options = { field, defaultPort: 'any', ...list } as const;
  return new HostPatterns(entries.map((entry) => readListedPattern(entry, options)));
}
