import type { ApkPackage } from '../package-record.ts';
import { compareApkVersions } from '../version.ts';

/** A package with the repository that has it, counted from 0: of equal ones the first is taken. */
export interface IndexedPackage extends ApkPackage {
  readonly repository: number;
}

/** A package under one of its names. */
export interface Provider {
  readonly name: string;
  readonly pkg: IndexedPackage;
  /** The version of the name; null where several packages may have it at once. */
  readonly version: string | null;
}

/** Returns the names of a package: its own, and those that it provides. */
export function namesOf(pkg: IndexedPackage): Provider[] {
  return [
    { name: pkg.name, pkg, version: pkg.version },
    ...pkg.provides.map(({ name, version }) => ({ name, pkg, version })),
  ];
}

/** All packages of the repositories by their names. */
export class PackageNames {
  readonly #providers = new Map<string, Provider[]>();
  /** Those that are installed when others are, by name. */
  readonly conditional: readonly IndexedPackage[];

  /** @param repositories  The packages of each, in the order of the repositories. */
  constructor(repositories: readonly (readonly ApkPackage[])[]) {
    const packages = withoutDoubles(repositories);
    for (const pkg of packages) {
      for (const provider of namesOf(pkg)) {
        const known = this.#providers.get(provider.name);
        if (known === undefined) this.#providers.set(provider.name, [provider]);
        else known.push(provider);
      }
    }
    for (const providers of this.#providers.values()) providers.sort(byPreference);
    this.conditional = packages
      .filter(({ installIf }) => installIf.length > 0)
      .toSorted(
        (a, b) => compareStrings(a.name, b.name) || compareApkVersions(b.version, a.version),
      );
  }

  /** Returns the packages that have a name, the preferred one first. */
  providers(name: string): readonly Provider[] {
    return this.#providers.get(name) ?? [];
  }

  names(): Iterable<string> {
    return this.#providers.keys();
  }
}

/** A package that several repositories have is one package. */
function withoutDoubles(repositories: readonly (readonly ApkPackage[])[]): IndexedPackage[] {
  const seen = new Set<string>();
  return repositories.flatMap((packages, repository) =>
    packages.flatMap((pkg) => {
      if (seen.has(pkg.checksum)) return [];
      seen.add(pkg.checksum);
      return [{ ...pkg, repository }];
    }),
  );
}

/**
 * The newest version of the name, then of the package, the highest `provider_priority`, the first repository; the name
 * decides between what is equal. A name without a version is older than any.
 */
function byPreference(a: Provider, b: Provider): number {
  return (
    compareNullable(b.version, a.version) ||
    (a.pkg.name === b.pkg.name ? compareApkVersions(b.pkg.version, a.pkg.version) : 0) ||
    b.pkg.providerPriority - a.pkg.providerPriority ||
    a.pkg.repository - b.pkg.repository ||
    compareStrings(a.pkg.name, b.pkg.name)
  );
}

function compareNullable(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  return compareApkVersions(a, b);
}

export function compareStrings(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
