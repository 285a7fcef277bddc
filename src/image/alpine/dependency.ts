import { compareApkVersions, isApkVersion, isFuzzyMatch } from './version.ts';

/** The versions that a dependency describes. */
export interface VersionConstraint {
  readonly isLess: boolean;
  readonly isEqual: boolean;
  readonly isGreater: boolean;
  readonly isFuzzy: boolean;
  readonly version: string;
}

/** One word of `depends`, `install_if` or `world`: `musl>=1.2`, `so:libc.musl-x86_64.so.1`, `!uclibc`. */
export interface Dependency {
  readonly name: string;
  /** The package cannot be there together with what the rest describes. */
  readonly isConflict: boolean;
  /** Null for any version, also for none. */
  readonly constraint: VersionConstraint | null;
  /** As it was written. */
  readonly text: string;
}

/** A name that a package has besides its own. */
export interface Provided {
  readonly name: string;
  /** Null where the package is one of several that may have the name at once. */
  readonly version: string | null;
}

// Names of packages, and those with a namespace (`so:`, `cmd:`, `py3.12:`, `/bin/sh`).
const NAME = /^[A-Za-z0-9_/][A-Za-z0-9._+:,/[\]-]*$/;
const WORD = /^(!?)([^<>=~@!]+)(?:([<>=~]{1,3})([^<>=]+))?$/;
const OPERATORS: ReadonlySet<string> = new Set([
  '<',
  '<=',
  '=',
  '>',
  '>=',
  '~',
  '=~',
  '~=',
  '>~',
  '<~',
  '><',
]);
const WORD_MAX_LENGTH = 512;

/** @returns null for what is not a dependency. */
export function parseDependency(text: string): Dependency | null {
  if (text.length > WORD_MAX_LENGTH) return null;
  const [, mark, name = '', operator, version = ''] = WORD.exec(text) ?? [];
  if (!NAME.test(name)) return null;
  const isConflict = mark === '!';
  if (operator === undefined) return { name, isConflict, constraint: null, text };
  // By its checksum a package is named only by `apk add ./file.apk`, which is not for an index.
  if (!OPERATORS.has(operator) || operator === '><' || !isApkVersion(version)) return null;
  const isFuzzy = operator.includes('~');
  const constraint = {
    isLess: operator.includes('<'),
    isEqual: operator.includes('=') || isFuzzy,
    isGreater: operator.includes('>'),
    isFuzzy,
    version,
  };
  return { name, isConflict, constraint, text };
}

/** @returns null for what is not a provided name. */
export function parseProvided(text: string): Provided | null {
  const dependency = parseDependency(text);
  if (dependency === null || dependency.isConflict) return null;
  const { name, constraint } = dependency;
  if (constraint === null) return { name, version: null };
  const isExact = constraint.isEqual && !constraint.isLess && !constraint.isGreater;
  return isExact && !constraint.isFuzzy ? { name, version: constraint.version } : null;
}

/**
 * Returns true if a provider of the name with this version is what the dependency describes, whether it wants it or not.
 * @param version  Null for a provider without one, which no constraint describes.
 */
export function describes({ constraint }: Dependency, version: string | null): boolean {
  if (constraint === null) return true;
  if (version === null) return false;
  if (constraint.isFuzzy && isFuzzyMatch(version, constraint.version)) return true;
  const order = compareApkVersions(version, constraint.version);
  if (order === 0) return constraint.isEqual;
  return order < 0 ? constraint.isLess : constraint.isGreater;
}

/** Returns true if the dependency lets a provider of its name have this version. */
export function allows(dependency: Dependency, version: string | null): boolean {
  return describes(dependency, version) !== dependency.isConflict;
}
