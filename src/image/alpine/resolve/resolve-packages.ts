import { nearestName } from '../../../util/nearest-name.ts';
import { alpineError, quotedText } from '../alpine-error.ts';
import { allows, type Dependency } from '../dependency.ts';
import { ALPINE_LIMITS } from '../limits.ts';
import type { ApkPackage } from '../package-record.ts';
import { inInstallOrder } from './install-order.ts';
import { type IndexedPackage, PackageNames, type Provider } from './package-names.ts';
import {
  type PackageRequirement,
  PackageSelection,
  shownOwner,
  shownPackage,
} from './package-selection.ts';

/** A requirement that is open, with the packages that may meet it, the preferred first. */
interface Choice {
  readonly requirement: PackageRequirement;
  readonly candidates: readonly IndexedPackage[];
}

interface Decision {
  /** Packages that were chosen before it. */
  readonly count: number;
  readonly left: IndexedPackage[];
}

/**
 * Chooses packages that meet all dependencies, the newest where it can be: for what the user asks for, for what that needs, and
 * those whose `install_if` is met. Tries others where the first choice leads nowhere. The same repositories and wishes give
 * the same packages in the same order: each after what it depends on.
 *
 * @param repositories  The packages of each, the preferred repository first.
 * @throws {GondolinError} IMAGE_PACKAGE_UNKNOWN, IMAGE_PACKAGES_CONFLICT.
 */
export function resolvePackages(
  repositories: readonly (readonly ApkPackage[])[],
  world: readonly Dependency[],
): IndexedPackage[] {
  const names = new PackageNames(repositories);
  checkNames(names, world);
  const resolver = new Resolver(names);
  resolver.solve(world);
  resolver.addConditional();
  return inInstallOrder(resolver.selection, world);
}

function checkNames(names: PackageNames, world: readonly Dependency[]): void {
  const unknown = world.filter(
    ({ name, isConflict }) => !isConflict && names.providers(name).length === 0,
  );
  if (unknown.length === 0) return;
  const shown = unknown.slice(0, 5).map(({ name }) => {
    const near = nearestName(name, names.names());
    return near === undefined ? quotedText(name) : `${quotedText(name)} (did you mean "${near}"?)`;
  });
  throw alpineError(
    'IMAGE_PACKAGE_UNKNOWN',
    `the repositories have no package ${shown.join(', ')}`,
  );
}

class Resolver {
  readonly selection: PackageSelection;
  readonly #names: PackageNames;
  #choices = 0;
  /** Why the first attempt went wrong: of all attempts the one that a reader expects. */
  #firstProblem: string | null = null;

  constructor(names: PackageNames) {
    this.#names = names;
    this.selection = new PackageSelection(names);
  }

  solve(world: readonly Dependency[]): void {
    for (const dependency of world.toSorted(byName))
      this.selection.require({ dependency, by: null });
    if (this.#complete()) return;
    throw conflict(this.#firstProblem ?? 'no choice of packages meets all dependencies');
  }

  /** Adds the packages that are to be there because others are, where that is possible. */
  addConditional(): void {
    const refused = new Set<IndexedPackage>();
    for (;;) {
      const next = this.#names.conditional.find(
        (pkg) => !refused.has(pkg) && this.#isWanted(pkg) && this.selection.refusal(pkg) === null,
      );
      if (next === undefined) return;
      const count = this.selection.packages.length;
      this.#add(next);
      if (this.#complete()) continue;
      this.selection.truncate(count);
      refused.add(next);
    }
  }

  #isWanted({ installIf }: IndexedPackage): boolean {
    return installIf.every((dependency) => {
      const holders = this.selection.holders(dependency.name);
      if (dependency.isConflict) return holders.every(({ version }) => allows(dependency, version));
      return holders.some(({ version }) => allows(dependency, version));
    });
  }

  /** Meets all requirements. Takes back only what it has chosen itself. @returns false when it is not possible. */
  #complete(): boolean {
    const decisions: Decision[] = [];
    for (;;) {
      const choice = this.#nextChoice();
      if (choice === null) return true;
      const count = this.selection.packages.length;
      decisions.push({ count, left: [...choice.candidates] });
      if (choice.candidates.length === 0) this.#firstProblem ??= this.#explain(choice.requirement);
      if (!this.#takeNext(decisions)) return false;
    }
  }

  /** Takes the next candidate of the last decision that has one. */
  #takeNext(decisions: Decision[]): boolean {
    for (let last = decisions.at(-1); last !== undefined; last = decisions.at(-1)) {
      this.selection.truncate(last.count);
      const next = last.left.shift();
      if (next !== undefined) {
        this.#add(next);
        return true;
      }
      decisions.pop();
    }
    return false;
  }

  #add(pkg: IndexedPackage): void {
    this.#choices += 1;
    if (this.#choices > ALPINE_LIMITS.choices) {
      const problem = this.#firstProblem ?? 'the dependencies go round in circles';
      throw conflict(`${problem}; gave up after ${ALPINE_LIMITS.choices} attempts`);
    }
    if (this.selection.packages.length >= ALPINE_LIMITS.packages) {
      throw conflict(`the image would have more than ${ALPINE_LIMITS.packages} packages`);
    }
    this.selection.add(pkg);
  }

  /**
   * The open requirement to decide next: one without a choice, else one whose name only packages of that name have, else the
   * first. Null when none is open.
   */
  #nextChoice(): Choice | null {
    let best: (Choice & { readonly isPlain: boolean }) | null = null;
    let postponed: Choice | null = null;
    for (const requirement of this.selection.requirements) {
      const { name } = requirement.dependency;
      if (this.selection.holders(name).length > 0) continue;
      const providers = this.#names.providers(name);
      const possible = providers.filter(({ pkg }) => this.selection.refusal(pkg) === null);
      const candidates = possible.filter((one) => this.#isAutomatic(one)).map(({ pkg }) => pkg);
      const choice = { requirement, candidates };
      if (possible.length === 0) return choice;
      // Another requirement may name one of them.
      if (candidates.length === 0) postponed ??= choice;
      else if (candidates.length === 1) return choice;
      const isPlain = providers.every(({ pkg }) => pkg.name === name);
      if (candidates.length > 1 && (best === null || (isPlain && !best.isPlain))) {
        best = { ...choice, isPlain };
      }
    }
    return best ?? postponed;
  }

  /**
   * A name without a version does not choose between packages: one of them has a priority, is wanted by its own name, or is
   * the only one. @see apk-package(5), "provider-priority"
   */
  #isAutomatic({ name, pkg, version }: Provider): boolean {
    if (version !== null || pkg.providerPriority > 0) return true;
    if (this.selection.isRequired(pkg.name)) return true;
    return this.#names.providers(name).every((other) => other.pkg.name === pkg.name);
  }

  #explain(requirement: PackageRequirement): string {
    const { dependency } = requirement;
    const providers = this.#names.providers(dependency.name);
    const subject = `${shownOwner(requirement)} needs ${dependency.text}`;
    if (providers.length === 0) return `${subject}, which no package is or provides`;
    const reasons = providers.map(({ pkg }) => ({ pkg, reason: this.selection.refusal(pkg) }));
    if (reasons.some(({ reason }) => reason === null)) {
      const all = [...new Set(providers.map(({ pkg }) => pkg.name))].slice(0, 10).join(', ');
      return `${subject}, which several packages provide: add one of ${all} to the packages`;
    }
    const shown = reasons.slice(0, 3).map(({ pkg, reason }) => `${shownPackage(pkg)}: ${reason}`);
    return `${subject}, and it cannot have ${shown.join('; ')}`;
  }
}

function byName(a: Dependency, b: Dependency): number {
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

function conflict(problem: string) {
  return alpineError('IMAGE_PACKAGES_CONFLICT', problem);
}
