import { alpineError, quotedText } from './alpine-error.ts';
import { type Dependency, parseDependency } from './dependency.ts';
import { ALPINE_LIMITS } from './limits.ts';

/** The fields of `.PKGINFO` that are used; most are not in an index. */
export interface PackageInfo {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** SHA-256 of the data part as it is served, 64 hex digits. */
  readonly dataDigest: string;
  /** Packages whose files it may replace. */
  readonly replaces: readonly Dependency[];
  /** The higher one wins where two packages replace each other's files. */
  readonly replacesPriority: number;
  /** Directories with wildcards; its trigger runs when one of them has changed. */
  readonly triggers: readonly string[];
}

const PRIORITY = /^[0-9]{1,5}$/;
/** Printable ASCII. apk takes `?`, `[…]` and `\` for wildcards too: no package of Alpine has one, and here they would never match. */
const TRIGGER = /^\+?\/[!->@-Z^-~]{0,1024}$/;

/**
 * Reads `.PKGINFO`: lines `KEY = VALUE`, with `#` before a comment.
 *
 * @param where  For messages.
 * @throws {GondolinError} IMAGE_REPOSITORY_INVALID.
 * @see apk-package(5)
 */
export function readPackageInfo(text: string, where: string): PackageInfo {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n', ALPINE_LIMITS.lineWords)) {
    const split = line.indexOf(' = ');
    if (line.startsWith('#') || split < 0) continue;
    const key = line.slice(0, split);
    values.set(key, [...(values.get(key) ?? []), line.slice(split + 3)]);
  }
  const one = (key: string) => values.get(key)?.[0] ?? '';
  const words = (key: string) =>
    (values.get(key) ?? []).flatMap((value) => value.split(/\s+/)).filter((word) => word !== '');
  const dataDigest = one('datahash');
  if (!/^[0-9a-f]{64}$/.test(dataDigest)) {
    throw refused(where, `has ${quotedText(dataDigest)} as the digest of its files`);
  }
  const priority = one('replaces_priority');
  const triggers = words('triggers');
  const badTrigger = triggers.find((trigger) => !TRIGGER.test(trigger));
  if (badTrigger !== undefined) throw refused(where, `has the trigger ${quotedText(badTrigger)}`);
  return {
    name: one('pkgname'),
    version: one('pkgver'),
    arch: one('arch'),
    dataDigest,
    // One that is not understood replaces nothing, which shows as a conflict.
    replaces: words('replaces').flatMap((word) => parseDependency(word) ?? []),
    replacesPriority: PRIORITY.test(priority) ? Number(priority) : 0,
    triggers,
  };
}

function refused(where: string, problem: string) {
  return alpineError('IMAGE_REPOSITORY_INVALID', `${where} ${problem}`);
}
