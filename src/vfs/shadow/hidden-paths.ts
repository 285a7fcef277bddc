import { GondolinError } from '../../errors/gondolin-error.ts';

/** A segment of a pattern: any number of directories, or one name. */
type Segment = '**' | RegExp;

/** Patterns that are partly matched: what they could hide below a directory. */
export type Residue = ReadonlySet<string>;

/**
 * Paths that a guest does not see, by patterns as in `.gitignore`: `.env` is a name at any depth, `/config/key` or `config/key` a place
 * in the mount, `*` and `?` stand for characters of a name, `**` for any directories. What is below a hidden directory is
 * hidden too. Upper and lower case are equal: the host's file system may not tell them apart.
 */
export class HiddenPaths {
  readonly #patterns: readonly (readonly Segment[])[];

  /** @throws {GondolinError} VM_BAD_OPTION */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map(parsePattern);
  }

  /** @param path  Names from the top of the mount. */
  hides(path: readonly string[]): boolean {
    return this.#patterns.some((pattern) => walk(pattern, path).isHidden);
  }

  /** Returns what the patterns could hide below a directory: it may move where the same is hidden, and no less. */
  residue(path: readonly string[]): Residue {
    const found = this.#patterns.flatMap((pattern, index) =>
      [...walk(pattern, path).states].map((state) => `${index}:${state}`),
    );
    return new Set(found);
  }
}

/** Makes texts that may be one file on some file system equal. */
function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

function parsePattern(text: string): readonly Segment[] {
  const parts = text.replace(/^\.\//, '/').replace(/\/+$/, '').split('/');
  const isAnchored = parts.length > 1;
  const names = parts[0] === '' ? parts.slice(1) : parts;
  const isWrong =
    names.length === 0 ||
    names.some((name) => ['', '.', '..'].includes(name) || /[[\]{}!\\\0]/.test(name));
  if (isWrong) {
    throw new GondolinError('VM_BAD_OPTION', `hidden path "${text}": not a pattern`, {
      hint: 'Write a name (`.env`), a path in the mount (`config/key`), and `*`, `?` and `**` for what varies.',
    });
  }
  const segments = names.map((name): Segment => (name === '**' ? name : toRegExp(name)));
  return isAnchored ? segments : ['**', ...segments];
}

function toRegExp(name: string): RegExp {
  const source = fold(name)
    .replaceAll(/[.+^$()|]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}

/** The states that can be reached without a further name. `**` at the end stands for at least one name. */
function closure(pattern: readonly Segment[], states: Set<number>): Set<number> {
  for (const state of states) {
    if (pattern[state] === '**' && state < pattern.length - 1) states.add(state + 1);
  }
  return states;
}

/** Follows a path: a state is the number of segments that have matched. */
function walk(
  pattern: readonly Segment[],
  path: readonly string[],
): { readonly isHidden: boolean; readonly states: ReadonlySet<number> } {
  let states = closure(pattern, new Set([0]));
  for (const name of path) {
    const folded = fold(name);
    const next = new Set<number>();
    for (const state of states) {
      const segment = pattern[state];
      if (segment === '**') next.add(state === pattern.length - 1 ? state + 1 : state);
      else if (segment?.test(folded) === true) next.add(state + 1);
    }
    states = closure(pattern, next);
    if (states.has(pattern.length)) return { isHidden: true, states };
  }
  return { isHidden: false, states };
}
