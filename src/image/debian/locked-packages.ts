import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { digestFile } from '../cache/verify-files.ts';
import type { AptSession } from './apt-session.ts';
import { type PackageStanza, readStanzas } from './package-stanzas.ts';

/** Packages by name, each `VERSION sha256:DIGEST`. */
export type LockedPackages = Readonly<Record<string, string>>;

/** A package of a lock, in a directory of this disk. */
export interface LockedFile {
  readonly stanza: PackageStanza;
  /** Name of the file. */
  readonly file: string;
}

/** Returns a package as a lock has it. */
export function lockedText({ version, sha256 }: Pick<PackageStanza, 'version' | 'sha256'>): string {
  return `${version} sha256:${sha256}`;
}

/**
 * Downloads packages of a lock, these versions and no others, and checks each file against the lock.
 *
 * @param apt  Its lists have to be there.
 * @param directory  Existing; receives the files.
 * @throws {GondolinError} IMAGE_PACKAGE_GONE, IMAGE_DIGEST_MISMATCH, IMAGE_BUILD_FAILED.
 */
export async function downloadLocked(
  locked: LockedPackages,
  apt: AptSession,
  directory: string,
  signal: AbortSignal,
): Promise<LockedFile[]> {
  return downloadStanzas(await stanzasOfLock(locked, apt), apt, directory, signal);
}

/**
 * Returns the packages of a lock as apt's lists have them, by name.
 * @throws {GondolinError} IMAGE_PACKAGE_GONE, IMAGE_DIGEST_MISMATCH.
 */
export async function stanzasOfLock(
  locked: LockedPackages,
  apt: AptSession,
): Promise<PackageStanza[]> {
  const names = Object.keys(locked).toSorted();
  const known = await readStanzas(await apt.listPaths(), new Set(names));
  return names.map((name) => findLocked(name, locked[name] ?? '', known.get(name) ?? []));
}

/**
 * Downloads these versions of packages, and checks each file against its digest.
 *
 * @param directory  Existing; receives the files.
 * @throws {GondolinError} IMAGE_DIGEST_MISMATCH, IMAGE_BUILD_FAILED.
 */
export async function downloadStanzas(
  stanzas: readonly PackageStanza[],
  apt: AptSession,
  directory: string,
  signal: AbortSignal,
): Promise<LockedFile[]> {
  if (stanzas.length === 0) return [];
  await apt.download(
    stanzas.map(({ name, version }) => `${name}=${version}`),
    directory,
  );
  const files = stanzas.map((stanza) => ({ stanza, file: fileNameOf(stanza) }));
  for (const { stanza, file } of files) {
    const { sha256 } = await digestFile(join(directory, file), signal);
    if (sha256 !== stanza.sha256) throw mismatch(stanza, sha256);
  }
  return files;
}

function findLocked(name: string, locked: string, known: readonly PackageStanza[]): PackageStanza {
  const [version = ''] = locked.split(' ');
  const ofVersion = known.filter((stanza) => stanza.version === version);
  const found = ofVersion.find((stanza) => lockedText(stanza) === locked);
  if (found !== undefined) return found;
  const [other] = ofVersion;
  if (other !== undefined) throw mismatch({ ...other, sha256: locked.slice(-64) }, other.sha256);
  const now = known.map((stanza) => stanza.version).join(', ');
  const problem = now === '' ? 'has no such package any more' : `has ${now}`;
  throw new GondolinError(
    'IMAGE_PACKAGE_GONE',
    `Cannot build the image: the lock file has ${name} ${version}, and the mirror ${problem}`,
    { details: { package: name, version } },
  );
}

function mismatch({ name, version, sha256 }: PackageStanza, actual: string): GondolinError {
  return new GondolinError(
    'IMAGE_DIGEST_MISMATCH',
    `Cannot build the image: ${name} ${version} of the mirror has the digest sha256:${actual}, and the lock file says sha256:${sha256}`,
    { details: { package: name, version } },
  );
}

/** The name that apt gives to a file. */
function fileNameOf({ name, version, architecture }: PackageStanza): string {
  const quoted = version.replaceAll('%', '%25').replaceAll('_', '%5f').replaceAll(':', '%3a');
  return `${name}_${quoted}_${architecture}.deb`;
}
