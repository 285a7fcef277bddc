import { alpineError, quotedText } from './alpine-error.ts';
import { type Dependency, type Provided, parseDependency, parseProvided } from './dependency.ts';
import { ALPINE_LIMITS } from './limits.ts';
import { isApkVersion } from './version.ts';

/** A package as an index describes it. Checked: every field is in its form and bounds. */
export interface ApkPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** `Q1` and base64 of the SHA-1 of its control part, or `Q2` and that of the SHA-256. */
  readonly checksum: string;
  /** Bytes of the file that is served. */
  readonly sizeBytes: number;
  readonly installedBytes: number;
  readonly origin: string;
  readonly providerPriority: number;
  readonly depends: readonly Dependency[];
  readonly provides: readonly Provided[];
  readonly installIf: readonly Dependency[];
  /** Why it cannot be installed, such as a dependency that this reader does not understand; null where it can. */
  readonly problem: string | null;
  /** The fields as they are written, by their letters: the database of installed packages repeats them. */
  readonly fields: ReadonlyMap<string, string>;
}

/** The letters that the database of installed packages repeats, in its order. @see apk_pkg_write_index_header */
export const KEPT_FIELDS = [...'CPVASITULomtckDpi'] as const;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;
const ARCH = /^[A-Za-z0-9_]{1,32}$/;
const CHECKSUM = /^(?:Q1[A-Za-z0-9+/]{27}=|Q2[A-Za-z0-9+/]{43}=)$/;

/**
 * Reads the lines of one package: `P:name`, and so on. Fields in capital letters that are not known make the package one that
 * cannot be installed, as apk has it.
 *
 * @throws {GondolinError} IMAGE_REPOSITORY_INVALID.
 */
export function readPackageRecord(lines: readonly string[], where: string): ApkPackage {
  const fields = new Map<string, string>();
  let unknown: string | null = null;
  for (const line of lines) {
    const letter = line[0] ?? '';
    if (line[1] !== ':') throw refused(where, `has the line ${quotedText(line)}`);
    if (KEPT_FIELDS.includes(letter)) fields.set(letter, line.slice(2));
    else if (/[A-Z]/.test(letter)) unknown ??= letter;
  }
  return toPackage(fields, unknown, where);
}

function toPackage(
  fields: ReadonlyMap<string, string>,
  unknown: string | null,
  where: string,
): ApkPackage {
  const field = (letter: string) => fields.get(letter) ?? '';
  const name = checked(field('P'), NAME, where, 'the name of a package');
  const of = `${where}: package ${name}`;
  const version = field('V');
  const depends = readWords(field('D'), parseDependency, of);
  const provides = readWords(field('p'), parseProvided, of);
  const installIf = readWords(field('i'), parseDependency, of);
  const bad = depends.bad ?? (isApkVersion(version) ? null : version);
  return {
    name,
    version: checked(version, /^[^\s/]{1,256}$/, of, 'a version'),
    arch: checked(field('A'), ARCH, of, 'an architecture'),
    checksum: checked(field('C'), CHECKSUM, of, 'a checksum'),
    sizeBytes: readSize(field('S'), of, ALPINE_LIMITS.packageBytes),
    installedBytes: readSize(field('I'), of, Number.MAX_SAFE_INTEGER),
    origin: field('o'),
    providerPriority: field('k') === '' ? 0 : readSize(field('k'), of, 65_535),
    depends: depends.good,
    provides: provides.good,
    // One that is understood only in part would be installed too often.
    installIf: installIf.bad === null ? installIf.good : [],
    problem: describeProblem(bad, unknown),
    fields,
  };
}

function describeProblem(bad: string | null, unknown: string | null): string | null {
  if (bad !== null) return `${quotedText(bad)} in its record is not understood`;
  return unknown === null ? null : `its record has the unknown field ${quotedText(unknown)}`;
}

function readWords<T>(
  text: string,
  parse: (word: string) => T | null,
  where: string,
): { readonly good: readonly T[]; readonly bad: string | null } {
  if (text === '') return { good: [], bad: null };
  const words = text.split(/\s+/, ALPINE_LIMITS.lineWords + 1).filter((word) => word !== '');
  if (words.length > ALPINE_LIMITS.lineWords) {
    throw refused(where, `has more than ${ALPINE_LIMITS.lineWords} words in a field`);
  }
  const parsed = words.map(parse);
  const bad = words.find((_word, index) => parsed[index] === null) ?? null;
  return { good: parsed.filter((one) => one !== null), bad };
}

function readSize(text: string, where: string, max: number): number {
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || value > max) {
    throw refused(where, `has the size ${quotedText(text)}, want 0 to ${max}`);
  }
  return value;
}

function checked(value: string, form: RegExp, where: string, what: string): string {
  if (!form.test(value)) throw refused(where, `has ${quotedText(value)} as ${what}`);
  return value;
}

function refused(where: string, problem: string) {
  return alpineError('IMAGE_REPOSITORY_INVALID', `${where} ${problem}`);
}
