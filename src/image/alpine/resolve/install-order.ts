import type { Dependency } from '../dependency.ts';
import type { IndexedPackage } from './package-names.ts';
import type { PackageSelection } from './package-selection.ts';

/** One package on the way, and what it depends on and is still to be visited, the next one last. */
interface Step {
  readonly pkg: IndexedPackage;
  readonly left: IndexedPackage[];
}

/**
 * Orders the chosen packages so that each comes after what it depends on, as scripts need it; circles are cut where they are
 * entered. First what was asked for, by name, then what was added because of others.
 */
export function inInstallOrder(
  selection: PackageSelection,
  world: readonly Dependency[],
): IndexedPackage[] {
  const ordered: IndexedPackage[] = [];
  const seen = new Set<IndexedPackage>();
  const holdersOf = ({ name, isConflict }: Dependency) =>
    isConflict ? [] : selection.holders(name).map(({ pkg }) => pkg);
  // Not by recursion: a chain may have thousands of packages.
  const way: Step[] = [];
  const enter = (pkg: IndexedPackage): void => {
    if (seen.has(pkg)) return;
    seen.add(pkg);
    way.push({ pkg, left: pkg.depends.flatMap(holdersOf).toReversed() });
  };
  const visit = (first: IndexedPackage): void => {
    enter(first);
    for (let step = way.at(-1); step !== undefined; step = way.at(-1)) {
      const next = step.left.pop();
      if (next !== undefined) {
        enter(next);
        continue;
      }
      ordered.push(step.pkg);
      way.pop();
    }
  };
  const wanted = world.toSorted((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  for (const dependency of wanted) for (const pkg of holdersOf(dependency)) visit(pkg);
  for (const pkg of selection.packages) visit(pkg);
  return ordered;
}
