import { allows, type Dependency } from '../dependency.ts';
import { type IndexedPackage, namesOf, type PackageNames, type Provider } from './package-names.ts';

/** A dependency, and the package that has it; null for what the user asked for. */
export interface PackageRequirement {
  readonly dependency: Dependency;
  readonly by: IndexedPackage | null;
}

/** Shows a package as apk does. */
export function shownPackage({ name, version }: IndexedPackage): string {
  return `${name}-${version}`;
}

/** Shows who has a requirement. */
export function shownOwner({ by }: PackageRequirement): string {
  return by === null ? 'the image' : shownPackage(by);
}

/** The packages that are chosen so far, and what they ask of the rest. */
export class PackageSelection {
  readonly #names: PackageNames;
  readonly #packages = new Map<string, IndexedPackage>();
  readonly #order: IndexedPackage[] = [];
  /** The chosen packages that have a name. */
  readonly #holders = new Map<string, Provider[]>();
  /** The dependencies on a name, conflicts too. */
  readonly #constraints = new Map<string, PackageRequirement[]>();
  /** The dependencies that must be met, in the order in which they were added. */
  readonly requirements: PackageRequirement[] = [];

  constructor(names: PackageNames) {
    this.#names = names;
  }

  /** The packages in the order in which they were chosen. */
  get packages(): readonly IndexedPackage[] {
    return this.#order;
  }

  holders(name: string): readonly Provider[] {
    return this.#holders.get(name) ?? [];
  }

  /** Returns true if somebody asks for this name to be there. */
  isRequired(name: string): boolean {
    const asked = this.#constraints.get(name) ?? [];
    return asked.some(({ dependency }) => !dependency.isConflict);
  }

  require(requirement: PackageRequirement): void {
    push(this.#constraints, requirement.dependency.name, requirement);
    if (!requirement.dependency.isConflict) this.requirements.push(requirement);
  }

  add(pkg: IndexedPackage): void {
    this.#packages.set(pkg.name, pkg);
    this.#order.push(pkg);
    for (const provider of namesOf(pkg)) push(this.#holders, provider.name, provider);
    for (const dependency of pkg.depends) this.require({ dependency, by: pkg });
  }

  /** Takes packages back, the last first, until `count` are left. */
  truncate(count: number): void {
    while (this.#order.length > count) {
      const pkg = this.#order.pop();
      if (pkg === undefined) return;
      for (const { isConflict, name } of pkg.depends.toReversed()) {
        this.#constraints.get(name)?.pop();
        if (!isConflict) this.requirements.pop();
      }
      for (const { name } of namesOf(pkg).toReversed()) this.#holders.get(name)?.pop();
      this.#packages.delete(pkg.name);
    }
  }

  /** Says why a package cannot be added to the chosen ones; null when it can. */
  refusal(pkg: IndexedPackage): string | null {
    if (pkg.problem !== null) return pkg.problem;
    const chosen = this.#packages.get(pkg.name);
    if (chosen !== undefined) return `${shownPackage(chosen)} is needed`;
    const names = namesOf(pkg);
    for (const provider of names) {
      const reason = this.#nameRefusal(provider);
      if (reason !== null) return reason;
    }
    for (const dependency of pkg.depends) {
      const reason = this.#dependencyRefusal(pkg, names, dependency);
      if (reason !== null) return reason;
    }
    return null;
  }

  #nameRefusal({ name, pkg, version }: Provider): string | null {
    // A name with a version has one owner.
    const owner = this.holders(name).find((holder) => holder.version !== null || version !== null);
    if (owner !== undefined && owner.pkg !== pkg) {
      return `it cannot be there together with ${shownPackage(owner.pkg)}: both are ${name}`;
    }
    const against = this.#constraints
      .get(name)
      ?.find(({ dependency }) => !allows(dependency, version));
    if (against === undefined) return null;
    const { text, isConflict } = against.dependency;
    return `${shownOwner(against)} ${isConflict ? 'conflicts with it' : 'needs'} (${text})`;
  }

  #dependencyRefusal(
    pkg: IndexedPackage,
    own: readonly Provider[],
    dependency: Dependency,
  ): string | null {
    const { name, isConflict, text } = dependency;
    const against = this.holders(name).find(({ version }) => !allows(dependency, version));
    if (against !== undefined) {
      const how = isConflict ? 'conflicts with' : 'needs another version of';
      return `it ${how} ${shownPackage(against.pkg)} (${text})`;
    }
    // A package does not conflict with itself: `provides: x` and `!x` mean that it is the only one.
    if (isConflict || this.holders(name).length > 0) return null;
    const itself = own.filter((provider) => provider.name === name);
    const possible = itself.length > 0 ? itself : this.#names.providers(name);
    const isPossible = possible.some(
      (one) => allows(dependency, one.version) && this.#isFree(one, pkg),
    );
    return isPossible ? null : `it needs ${text}, and no package that can be installed is that`;
  }

  #isFree({ pkg }: Provider, asking: IndexedPackage): boolean {
    if (pkg === asking) return true;
    return pkg.problem === null && pkg.name !== asking.name && !this.#packages.has(pkg.name);
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
