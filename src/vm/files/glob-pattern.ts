import { GondolinError } from '../../errors/gondolin-error.ts';

/** Patterns that the braces of one pattern may stand for. */
const MAX_ALTERNATIVES = 256;

type Token = '*' | '?' | ((character: string) => boolean);

/** One part of a pattern between slashes: any number of directories, or what one name is like. */
type Segment = '**' | { readonly tokens: readonly Token[]; readonly literal: string | null };

/** A position in a pattern: the segments from `index` on are left. */
export interface GlobState {
  readonly segments: readonly Segment[];
  readonly index: number;
}

/** One alternative of a pattern: the directory where the search starts, and what is left of the pattern there. */
export interface GlobSearch {
  /** '' is where relative paths start. */
  readonly start: string;
  readonly state: GlobState;
}

/**
 * Reads a pattern: `*`, `?`, `[a-z]`, `[!a]`, `{one,two}`, `**` for any number of directories, and `\` before a character
 * that stands for itself. Matching takes at most pattern × name steps: the names are those of a hostile guest.
 * @throws {GondolinError} VM_BAD_OPTION for more than 256 alternatives.
 */
export function parseGlob(pattern: string): GlobSearch[] {
  return expandBraces(pattern).map((text) => {
    const parts = text.split('/').filter((part) => part !== '');
    const segments = parts.map(parseSegment);
    // The names before the first wildcard are a path; the last one is always searched for.
    let count = 0;
    while (count < segments.length - 1 && literalOf(segments[count]) !== null) count += 1;
    const names = segments.slice(0, count).map((segment) => literalOf(segment) ?? '');
    const root = text.startsWith('/') ? '/' : '';
    return { start: root + names.join('/'), state: { segments: segments.slice(count), index: 0 } };
  });
}

/**
 * Returns the states after one more name: with `isMatch` if a pattern ends there.
 * @param dot  Wildcards match names that begin with a dot too.
 */
export function stepGlob(
  states: readonly GlobState[],
  name: string,
  dot: boolean,
): { readonly states: GlobState[]; readonly isMatch: boolean } {
  const next = new Map<number, GlobState>();
  let isMatch = false;
  for (const { segments, index } of states.flatMap(withSkipped)) {
    const segment = segments[index];
    if (segment === undefined) continue;
    const isOver = segment === '**' ? dot || !name.startsWith('.') : matches(segment, name, dot);
    if (!isOver) continue;
    const at = segment === '**' ? index : index + 1;
    next.set(at, { segments, index: at });
    isMatch ||= withSkipped({ segments, index: at }).some(
      (state) => state.index === segments.length,
    );
  }
  return {
    states: [...next.values()].filter(({ segments, index }) => index < segments.length),
    isMatch,
  };
}

/** `**` also stands for no directory at all. */
function withSkipped(state: GlobState): GlobState[] {
  const states = [state];
  let { index } = state;
  while (state.segments[index] === '**') {
    index += 1;
    states.push({ segments: state.segments, index });
  }
  return states;
}

function literalOf(segment: Segment | undefined): string | null {
  return segment === undefined || segment === '**' ? null : segment.literal;
}

function matches({ tokens }: Exclude<Segment, '**'>, name: string, dot: boolean): boolean {
  const characters = [...name];
  const first = tokens[0];
  const isWild = first === '*' || first === '?';
  if (isWild && !dot && characters[0] === '.') return false;
  let [at, tokenAt, starAt, resumeAt] = [0, 0, -1, 0];
  while (at < characters.length) {
    const token = tokens[tokenAt];
    const character = characters[at] ?? '';
    if (token === '*') {
      starAt = tokenAt++;
      resumeAt = at;
    } else if (token === '?' || (typeof token === 'function' && token(character))) {
      tokenAt++;
      at++;
    } else if (starAt >= 0) {
      // The last star takes one character more, and the rest is matched again from there.
      tokenAt = starAt + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (tokens[tokenAt] === '*') tokenAt++;
  return tokenAt === tokens.length;
}

/** A set such as `[!a-z]`, an escaped character, or one character. */
const PIECE = /\[(?<not>[!^])?(?<set>\]?[^\]]*)\]|\\(?<own>.)|(?<plain>.)/gsu;

function parseSegment(text: string): Segment {
  if (text === '**') return '**';
  const pieces = [...text.matchAll(PIECE)].map(({ groups = {} }) => groups);
  const isLiteral = pieces.every(({ set, plain }) => set === undefined && !isWildcard(plain));
  const own = pieces.map((piece) => piece['own'] ?? piece['plain'] ?? '').join('');
  return { tokens: pieces.map(toToken), literal: isLiteral ? own : null };
}

function isWildcard(text: string | undefined): text is '*' | '?' {
  return text === '*' || text === '?';
}

function toToken({ not, set, own, plain }: { [group: string]: string }): Token {
  if (set !== undefined) return inSet(set, not !== undefined);
  if (isWildcard(plain)) return plain;
  return (character) => character === (own ?? plain);
}

function inSet(text: string, isNegated: boolean): Token {
  const ranges: [string, string][] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at += 1) {
    const from = characters[at] ?? '';
    const to = characters[at + 2];
    const isRange = characters[at + 1] === '-' && to !== undefined;
    ranges.push([from, isRange ? to : from]);
    if (isRange) at += 2;
  }
  return (character) =>
    ranges.some(([from, to]) => character >= from && character <= to) !== isNegated;
}

/** Replaces the first innermost braces by each of their alternatives, until none are left. */
function expandBraces(pattern: string): string[] {
  const waiting = [pattern];
  const done: string[] = [];
  for (let text = waiting.pop(); text !== undefined; text = waiting.pop()) {
    const braces = /\{([^{}]*,[^{}]*)\}/.exec(text);
    if (braces === null) done.push(text);
    else {
      const [before, after] = [
        text.slice(0, braces.index),
        text.slice(braces.index + braces[0].length),
      ];
      for (const one of (braces[1] ?? '').split(',')) waiting.push(before + one + after);
    }
    if (waiting.length + done.length > MAX_ALTERNATIVES) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        `glob ${JSON.stringify(pattern)}: more than ${MAX_ALTERNATIVES} alternatives`,
      );
    }
  }
  return done;
}
