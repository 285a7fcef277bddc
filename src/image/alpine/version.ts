/** The kinds of the parts of a version, in the order in which they may follow each other. */
const RANK = {
  number: 0,
  letter: 1,
  suffix: 2,
  suffixNumber: 3,
  hash: 4,
  revision: 5,
  end: 6,
  invalid: 7,
} as const;

interface Part {
  readonly rank: number;
  readonly text: string;
}

/** Suffixes in their order; those before the gap come before a release, the others after it. */
const SUFFIXES = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p'];
const RELEASED = SUFFIXES.indexOf('');
const END: Part = { rank: RANK.end, text: '' };
const VERSION_MAX_LENGTH = 256;

const STEPS: readonly { readonly rank: number; readonly form: RegExp; readonly after: number[] }[] =
  [
    { rank: RANK.number, form: /^\.([0-9]+)/, after: [RANK.number] },
    { rank: RANK.letter, form: /^([a-z])(?![a-z])/, after: [RANK.number] },
    {
      rank: RANK.suffix,
      form: /^_(alpha|beta|pre|rc|cvs|svn|git|hg|p)(?![a-z])/,
      after: [RANK.number, RANK.letter, RANK.suffix, RANK.suffixNumber],
    },
    { rank: RANK.suffixNumber, form: /^([0-9]+)/, after: [RANK.suffix] },
    {
      rank: RANK.hash,
      form: /^~([0-9a-f]+)/,
      after: [RANK.number, RANK.letter, RANK.suffix, RANK.suffixNumber],
    },
    {
      rank: RANK.revision,
      form: /^-r([0-9]+)/,
      after: [RANK.number, RANK.letter, RANK.suffix, RANK.suffixNumber, RANK.hash],
    },
  ];

/** Takes a version apart; what does not belong to one is its last part. */
function parse(version: string): Part[] {
  const first = /^[0-9]+/.exec(version);
  if (first === null || version.length > VERSION_MAX_LENGTH) {
    return [{ rank: RANK.invalid, text: version }];
  }
  const parts: Part[] = [{ rank: RANK.number, text: first[0] }];
  let rest = version.slice(first[0].length);
  while (rest !== '') {
    const last = parts.at(-1)?.rank ?? RANK.number;
    const next = nextPart(rest, last);
    if (next === null) return [...parts, { rank: RANK.invalid, text: rest }];
    parts.push(next.part);
    rest = rest.slice(next.length);
  }
  return parts;
}

function nextPart(rest: string, last: number): { part: Part; length: number } | null {
  for (const { rank, form, after } of STEPS) {
    if (!after.includes(last)) continue;
    const match = form.exec(rest);
    if (match !== null) return { part: { rank, text: match[1] ?? '' }, length: match[0].length };
  }
  return null;
}

/** @see apk-package(5), "version": number{.number}...{letter}{_suffix{number}}...{~hash}{-r#} */
export function isApkVersion(version: string): boolean {
  return parse(version).every(({ rank }) => rank !== RANK.invalid);
}

/** @returns below 0 if `a` is older than `b`, above 0 if it is newer. */
export function compareApkVersions(a: string, b: string): number {
  if (a === b) return 0;
  return compareParts(parse(a), parse(b), false);
}

/** Returns true if `version` is `prefix`, or has more after it: `1.2.3-r0` and `1.2`, but not `1.20` and `1.2`. */
export function isFuzzyMatch(version: string, prefix: string): boolean {
  return compareParts(parse(version), parse(prefix), true) === 0;
}

function compareParts(left: readonly Part[], right: readonly Part[], isFuzzy: boolean): number {
  for (let index = 0; ; index += 1) {
    const a = left[index] ?? END;
    const b = right[index] ?? END;
    if (a.rank !== b.rank) return isFuzzy && b.rank === RANK.end ? 0 : compareKinds(a, b);
    if (a.rank === RANK.end) return 0;
    const order = compareTexts(a, b, index === 0);
    if (order !== 0) return order;
  }
}

/** The longer version is the newer one, unless the rest of it says that it is not released yet. */
function compareKinds(a: Part, b: Part): number {
  if (isBeforeRelease(a)) return -1;
  if (isBeforeRelease(b)) return 1;
  return b.rank - a.rank;
}

function isBeforeRelease({ rank, text }: Part): boolean {
  return rank === RANK.suffix && SUFFIXES.indexOf(text) < RELEASED;
}

function compareTexts(a: Part, b: Part, isFirst: boolean): number {
  switch (a.rank) {
    case RANK.number:
      // As Gentoo has it: `1.02` lies between `1.0` and `1.1`.
      if (!isFirst && (a.text.startsWith('0') || b.text.startsWith('0'))) {
        return compareStrings(a.text, b.text);
      }
      return compareNumbers(a.text, b.text);
    case RANK.suffixNumber:
    case RANK.revision:
      return compareNumbers(a.text, b.text);
    case RANK.suffix:
      return SUFFIXES.indexOf(a.text) - SUFFIXES.indexOf(b.text);
    default:
      return compareStrings(a.text, b.text);
  }
}

/** Digits of any length, as dates with a time are longer than a JavaScript number is exact. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || compareStrings(left, right);
}

function compareStrings(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
