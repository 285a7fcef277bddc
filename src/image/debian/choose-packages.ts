import { GondolinError } from '../../errors/gondolin-error.ts';
import { findUnknownPackage } from './apt-messages.ts';
import type { AptSession } from './apt-session.ts';
import { type PackageStanza, readStanzas } from './package-stanzas.ts';

/** The words of mmdebstrap's variant `minbase`. */
const BASE_WORDS = ['?essential', '?priority(required)', 'apt'] as const;
/** With it /usr is merged without perl. */
const MERGED_USR = 'usr-is-merged';

/**
 * Finds out which packages the base system of a release has today.
 * @param apt  Its lists have to be there.
 * @param names  Packages to add to Debian's essential ones and apt.
 * @throws {GondolinError} IMAGE_PACKAGE_UNKNOWN, IMAGE_BUILD_FAILED.
 */
export async function chooseBase(
  apt: AptSession,
  names: readonly string[],
  release: string,
): Promise<PackageStanza[]> {
  const merged = (await apt.show(MERGED_USR)) === null ? [] : [MERGED_USR];
  return choosePackages(apt, [...BASE_WORDS, ...merged, ...names], '', release);
}

/** True for the packages of a release whose /bin, /lib and /sbin are links to those of /usr. */
export function hasMergedUsr(stanzas: readonly PackageStanza[]): boolean {
  return stanzas.some(({ name }) => name === MERGED_USR);
}

/** Names of a base system that were asked for, and did not come as a dependency. */
export function namedInBase(names: readonly string[]): ReadonlySet<string> {
  return new Set(['apt', MERGED_USR, ...names]);
}

/**
 * Returns what an installation of these words would bring.
 * @param words  As for apt-get: names and patterns.
 * @param status  dpkg's database of what is there; empty for nothing.
 * @throws {GondolinError} IMAGE_PACKAGE_UNKNOWN, IMAGE_BUILD_FAILED.
 */
export async function choosePackages(
  apt: AptSession,
  words: readonly string[],
  status: string,
  release: string,
): Promise<PackageStanza[]> {
  const unknown: string[] = [];
  try {
    const versions = await apt.choose(words, status, (line) => {
      const missing = findUnknownPackage(line);
      if (missing !== null) unknown.push(missing);
    });
    return await stanzasOf(apt, versions);
  } catch (cause) {
    const [name] = unknown;
    if (name === undefined) throw cause;
    const message = `Cannot choose the packages of the image: Debian '${release}' has no package '${name}'`;
    throw new GondolinError('IMAGE_PACKAGE_UNKNOWN', message, { cause });
  }
}

/** @throws {GondolinError} IMAGE_BUILD_FAILED when the lists do not have one of them. */
export async function stanzasOf(
  apt: AptSession,
  versions: ReadonlyMap<string, string>,
): Promise<PackageStanza[]> {
  const known = await readStanzas(await apt.listPaths(), new Set(versions.keys()));
  return [...versions].map(([name, version]) => {
    const found = known.get(name)?.find((stanza) => stanza.version === version);
    if (found !== undefined) return found;
    const message = `Cannot choose the packages of the image: apt chose ${name} ${version}, which its lists do not have`;
    throw new GondolinError('IMAGE_BUILD_FAILED', message);
  });
}
