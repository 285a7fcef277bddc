import { describes } from './dependency.ts';
import type { PackageFile } from './package-file.ts';

/** The one of two packages whose file stays where both have it: `later` is installed after `earlier`. */
export type Precedence = 'earlier' | 'later' | 'conflict';

/**
 * A package of the same origin replaces the files of another, and so does one that names it in `replaces`; between two that
 * name each other the higher `replaces_priority` decides.
 * @see apk-package(5), "replaces"
 */
export function filePrecedence(earlier: PackageFile, later: PackageFile): Precedence {
  const { origin } = earlier.pkg;
  if (origin !== '' && origin === later.pkg.origin) return 'later';
  const earlierPriority = priorityOver(earlier, later);
  const laterPriority = priorityOver(later, earlier);
  if (earlierPriority > laterPriority) return 'earlier';
  return laterPriority >= 0 ? 'later' : 'conflict';
}

/** Below 0 where it does not replace the other's files. */
function priorityOver({ info }: PackageFile, { pkg }: PackageFile): number {
  const replaces = info.replaces.some(
    (dependency) => dependency.name === pkg.name && describes(dependency, pkg.version),
  );
  return replaces ? info.replacesPriority : -1;
}

/**
 * Chooses between two packages that describe a directory: the higher priority, then the main package of an origin, then the
 * first by name.
 */
export function directoryPrecedence(
  earlier: PackageFile,
  later: PackageFile,
): Exclude<Precedence, 'conflict'> {
  const byPriority = earlier.info.replacesPriority - later.info.replacesPriority;
  if (byPriority !== 0) return byPriority > 0 ? 'earlier' : 'later';
  const { origin, name } = earlier.pkg;
  if (origin !== '' && origin === later.pkg.origin) {
    if (origin === name) return 'earlier';
    if (origin === later.pkg.name) return 'later';
  }
  return name <= later.pkg.name ? 'earlier' : 'later';
}
