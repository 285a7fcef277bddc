import { HostPatterns } from './host-patterns.ts';
import { type ListedPattern, readListedPattern } from './listed-pattern.ts';

/** The port of SSH. */
export const SSH_PORT = 22;

/**
 * Reads one host of `network.ssh`: without a port it means port 22.
 * @throws {GondolinError} NET_PATTERN_INVALID naming the entry and the fix.
 */
export function readSshHost(entry: string): ListedPattern {
  return readListedPattern(entry, { field: 'ssh', defaultPort: SSH_PORT, allowsTcp: false });
}

/** Compiles the hosts of `network.ssh`. @throws {GondolinError} NET_PATTERN_INVALID */
export function compileSshHosts(entries: readonly string[]): HostPatterns {
  return new HostPatterns(entries.map(readSshHost));
}
