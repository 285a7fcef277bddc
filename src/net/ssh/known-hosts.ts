import { createHash, createHmac } from 'node:crypto';
import { matchesWildcard } from '../../util/wildcard.ts';

/** One usable line of a known_hosts file. */
interface KnownHost {
  readonly isRevoked: boolean;
  /** The hosts of the line: a hashed name, or patterns. */
  readonly covers: (host: string) => boolean;
  readonly type: string;
  /** As on the wire. */
  readonly key: Buffer;
}

/** The result of looking a server's key up. */
export type HostKeyVerdict = 'known' | 'unknown' | 'changed' | 'revoked';

const MAX_LINE_CHARS = 16 * 1024;

/** The name of a server in known_hosts. */
export function knownHostName(name: string, port: number): string {
  return port === 22 ? name : `[${name}]:${port}`;
}

/** `SHA256:…` of a public key, as OpenSSH prints it. */
export function keyFingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Type of a public key as on the wire, such as `ssh-ed25519`; empty for bytes that are no key. Untrusted input. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  const type = key.toString('latin1', 4, 4 + Math.min(length, 64));
  return /^[\w@.-]+$/.test(type) && type.length === length ? type : '';
}

function hashedHost(field: string): KnownHost['covers'] | null {
  const [, version, salt = '', hash = ''] = field.split('|');
  if (version !== '1') return null;
  const key = Buffer.from(salt, 'base64');
  return (host) => createHmac('sha1', key).update(host).digest('base64') === hash;
}

/** `*` and `?` are wildcards; a pattern with `!` that matches excludes the host. */
function listedHosts(field: string): KnownHost['covers'] {
  const patterns = field.toLowerCase().split(',');
  const matches = (pattern: string, host: string) =>
    pattern.includes('?') ? matchesEach(pattern, host) : matchesWildcard(pattern, host);
  return (host) => {
    const isExcluded = patterns.some((one) => one.startsWith('!') && matches(one.slice(1), host));
    return !isExcluded && patterns.some((one) => !one.startsWith('!') && matches(one, host));
  };
}

/** A pattern with `?`, which is rare: without `*` the lengths agree; with one the line is not used. */
function matchesEach(pattern: string, host: string): boolean {
  if (pattern.includes('*') || pattern.length !== host.length) return false;
  return [...pattern].every((character, index) => character === '?' || character === host[index]);
}

function parseLine(line: string): KnownHost | null {
  if (line.length > MAX_LINE_CHARS) return null;
  const fields = line.trim().split(/[ \t]+/);
  const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined;
  const [hosts = '', type = '', data = ''] = fields;
  // Certificates of hosts are not used: a key signed by an authority counts as unknown.
  if (hosts === '' || hosts.startsWith('#') || (marker !== undefined && marker !== '@revoked')) {
    return null;
  }
  const key = Buffer.from(data, 'base64');
  const covers = hosts.startsWith('|') ? hashedHost(hosts) : listedHosts(hosts);
  if (covers === null || keyType(key) !== type || type === '') return null;
  return { isRevoked: marker === '@revoked', covers, type, key };
}

/** The public keys of servers that the user of the host trusts. */
export class KnownHosts {
  readonly #lines: readonly KnownHost[];

  /** @param texts  Contents of known_hosts files; lines that cannot be used count as absent. */
  constructor(texts: readonly string[]) {
    this.#lines = texts
      .flatMap((text) => text.split('\n'))
      .map(parseLine)
      .filter((line) => line !== null);
  }

  #covering(name: string, port: number): readonly KnownHost[] {
    const host = knownHostName(name.toLowerCase(), port);
    return this.#lines.filter((line) => line.covers(host));
  }

  /** Types of the keys that are known for a server: only these are asked for, so that it shows one that can be compared. */
  typesFor(name: string, port: number): readonly string[] {
    const lines = this.#covering(name, port).filter(({ isRevoked }) => !isRevoked);
    return [...new Set(lines.map(({ type }) => type))];
  }

  /** @param key  Untrusted, as on the wire. */
  check(name: string, port: number, key: Buffer): HostKeyVerdict {
    const lines = this.#covering(name, port);
    const same = lines.filter((line) => line.key.equals(key));
    if (same.some(({ isRevoked }) => isRevoked)) return 'revoked';
    if (same.length > 0) return 'known';
    return lines.some(({ isRevoked }) => !isRevoked) ? 'changed' : 'unknown';
  }
}
