import type { PackageSets } from './lock-file.ts';
import { packageSetStem } from './package-sets.ts';

/** One difference of the packages of two locks. `before` is null for a package that is new, `after` for one that is gone. */
export interface PackageChange {
  readonly name: string;
  /** `VERSION CHECKSUM`. */
  readonly before: string | null;
  readonly after: string | null;
}

/** The differences in one set of packages. */
export interface PackageSetChange {
  /** The name of the set; null for one that is gone. */
  readonly set: string | null;
  /** The set that it replaces: of the same name, or with other extra packages; null for a new one. */
  readonly was: string | null;
  readonly packages: readonly PackageChange[];
}

/** Lists what differs, in the order of the names. Sets that are the same are left out. */
export function packageChanges(
  before: PackageSets,
  after: PackageSets,
): readonly PackageSetChange[] {
  const gone = Object.keys(before)
    .filter((name) => !Object.hasOwn(after, name))
    .toSorted();
  const changes: PackageSetChange[] = [];
  for (const set of Object.keys(after).toSorted()) {
    const was = Object.hasOwn(before, set) ? set : takeOfStem(gone, packageSetStem(set));
    const packages = compare(was === null ? {} : (before[was] ?? {}), after[set] ?? {});
    if (was !== set || packages.length > 0) changes.push({ set, was, packages });
  }
  const removed = gone.map((was) => ({ set: null, was, packages: compare(before[was] ?? {}, {}) }));
  return [...changes, ...removed];
}

/** An image with one more package is the same image to whoever reads what changed. */
function takeOfStem(gone: string[], stem: string): string | null {
  const index = gone.findIndex((name) => packageSetStem(name) === stem);
  return index === -1 ? null : (gone.splice(index, 1)[0] ?? null);
}

function compare(before: PackageSets[string], after: PackageSets[string]): PackageChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .toSorted()
    .map((name) => ({ name, before: before[name] ?? null, after: after[name] ?? null }))
    .filter((change) => change.before !== change.after);
}
