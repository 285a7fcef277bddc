import { alpineError } from './alpine-error.ts';
import type { ApkPackage } from './package-record.ts';

/** Returns a package as a lock has it. */
export function lockedApk({ version, checksum }: Pick<ApkPackage, 'version' | 'checksum'>): string {
  return `${version} ${checksum}`;
}

/**
 * Returns the packages of a lock out of those of the repositories, so that no other can be chosen.
 * @throws {GondolinError} IMAGE_PACKAGE_GONE, IMAGE_DIGEST_MISMATCH.
 */
export function keepLocked(
  repositories: readonly (readonly ApkPackage[])[],
  locked: Readonly<Record<string, string>>,
): ApkPackage[][] {
  const kept = repositories.map((packages) =>
    packages.filter(
      (pkg) => Object.hasOwn(locked, pkg.name) && locked[pkg.name] === lockedApk(pkg),
    ),
  );
  const found = new Set(kept.flat().map(({ name }) => name));
  const missing = Object.keys(locked).find((name) => !found.has(name));
  if (missing !== undefined) throw unavailable(missing, locked[missing] ?? '', repositories.flat());
  return kept;
}

function unavailable(name: string, locked: string, available: readonly ApkPackage[]) {
  const [version = '', checksum = ''] = locked.split(' ');
  const known = available.filter((pkg) => pkg.name === name);
  const other = known.find((pkg) => pkg.version === version);
  if (other !== undefined) {
    const problem = `${name} ${version} of the mirror has the checksum ${other.checksum}, and the lock file says ${checksum}`;
    return alpineError('IMAGE_DIGEST_MISMATCH', problem);
  }
  const now = known.map((pkg) => pkg.version).join(', ');
  const mirror = now === '' ? 'has no such package any more' : `has ${now}`;
  return alpineError(
    'IMAGE_PACKAGE_GONE',
    `the lock file has ${name} ${version}, and the mirror ${mirror}`,
  );
}
