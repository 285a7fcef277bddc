import type { HostPattern } from '../../address/host-pattern.ts';
import { type HostPatternForm, parseHostPattern } from '../../address/parse-host-pattern.ts';
import { patternError } from './pattern-error.ts';

/** A pattern of one host list, with what the list adds to it. */
export interface ListedPattern extends Omit<HostPattern, 'port'> {
  /** As the user wrote it. */
  readonly entry: string;
  /** `web`: 80 and 443. */
  readonly port: number | 'web' | 'any';
}

/** The rules for reading the entries of one list. */
export interface PatternList extends HostPatternForm {
  /** Key under `network:`, for errors. */
  readonly field: string;
  /** Ports of an entry without one. */
  readonly defaultPort: number | 'web' | 'any';
  /** True where a wide match is the safe one (`denied_hosts`): a leading `*.` covers every depth. */
  readonly isDeep?: boolean;
}

/** Ports that a bare name of `allowed_hosts` covers. */
export const WEB_PORTS: readonly number[] = [80, 443];

/** Returns true when the entry covers the port. */
export function coversPort(pattern: ListedPattern, port: number): boolean {
  if (pattern.port === 'any') return true;
  return pattern.port === 'web' ? WEB_PORTS.includes(port) : pattern.port === port;
}

/**
 * Reads one entry of a list.
 * @throws {GondolinError} NET_PATTERN_INVALID naming the list, the entry and what to write instead.
 */
export function readListedPattern(entry: string, list: PatternList): ListedPattern {
  const result = parseHostPattern(entry, list);
  if (result.pattern === undefined) {
    throw patternError(list.field, entry, result.problem, result.fix);
  }
  const { host, port, isTcp } = result.pattern;
  const isDeepened =
    list.isDeep === true && host.kind === 'glob' && !host.isDeep && host.labels[0] === '*';
  return {
    entry,
    host: isDeepened ? { ...host, labels: host.labels.slice(1), isDeep: true } : host,
    port: port ?? list.defaultPort,
    isTcp,
  };
}
