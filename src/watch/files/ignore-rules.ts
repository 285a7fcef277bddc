import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** Patterns that apply unless one with `!` takes them back: history, dependencies, and what editors write beside a file. */
const DEFAULT_IGNORED: readonly string[] = [
  ...['.git', '.hg', '.svn', '.jj'],
  ...['node_modules/', '__pycache__/', '.venv/', '*.pyc'],
  ...['.DS_Store', '*~', '.*.sw[a-p]', '4913', '.#*', '#*#', '*___jb_tmp___', '*___jb_old___'],
  '.goutputstream-*',
];

const MAX_IGNORE_FILE_BYTES = 1024 * 1024;
const GITIGNORE = '.gitignore';

/** Returns the directory of the repository that contains a directory; null when there is none. */
export function findRepository(directory: string): string | null {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return null;
  }
}

function readPatterns(path: string): string {
  try {
    const text = readFileSync(path, 'utf8');
    return text.length > MAX_IGNORE_FILE_BYTES ? '' : text;
  } catch {
    // Missing or unreadable: as for git, it ignores nothing.
    return '';
  }
}

/** Returns the parts of a path below a directory: `a`, `a/b`, `a/b/c`. */
function prefixes(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

export interface IgnoreOptions {
  /** The watched directory. */
  readonly root: string;
  /** Patterns of the project file. */
  readonly patterns: readonly string[];
  /** Directory that `patterns` start at. */
  readonly base: string;
}

/**
 * Decides which files below a directory never count: the defaults, then `.gitignore` of each directory from the repository's on, then the
 * patterns of the project file. What is inside an ignored directory is ignored, as for git.
 */
export class IgnoreRules {
  readonly #root: string;
  readonly #base: string;
  readonly #own: Ignore;
  readonly #defaults = ignore().add([...DEFAULT_IGNORED]);
  /** Patterns by the directory of their `.gitignore`. */
  readonly #byDirectory = new Map<string, Ignore | null>();
  readonly #directories = new Map<string, boolean>();
  /** The directories above the watched one whose `.gitignore` counts. */
  readonly #above: readonly string[];

  constructor({ root, patterns, base }: IgnoreOptions) {
    this.#root = root;
    this.#base = base;
    this.#own = ignore().add([...patterns]);
    this.#above = this.#findAbove();
  }

  #findAbove(): string[] {
    const top = findRepository(this.#root);
    if (top === null) return [];
    const above: string[] = [];
    for (let at = dirname(this.#root); at.length >= top.length; at = dirname(at)) {
      above.unshift(at);
      if (at === top) break;
    }
    const exclude = readPatterns(join(top, '.git', 'info', 'exclude'));
    const own = top === this.#root ? [] : above;
    if (exclude !== '')
      this.#byDirectory.set(
        top,
        ignore()
          .add(exclude)
          .add(readPatterns(join(top, GITIGNORE))),
      );
    // A directory that git ignores and the project file names is meant.
    const isRootIgnored = own.some((directory) => {
      const name = relative(directory, this.#root);
      return name !== '' && (this.#patternsOf(directory)?.ignores(`${name}/`) ?? false);
    });
    return isRootIgnored ? [] : own;
  }

  #patternsOf(directory: string): Ignore | null {
    let patterns = this.#byDirectory.get(directory);
    if (patterns === undefined) {
      const text = readPatterns(join(directory, GITIGNORE));
      patterns = text === '' ? null : ignore().add(text);
      this.#byDirectory.set(directory, patterns);
    }
    return patterns;
  }

  /** Forgets what a `.gitignore` said, after it changed. */
  forget(): void {
    this.#byDirectory.clear();
    this.#directories.clear();
  }

  /** @param path  Absolute, below the watched directory or the directory itself. */
  isIgnored(path: string, isDirectory: boolean): boolean {
    const below = relative(this.#root, path);
    if (below === '' || below.startsWith('..')) return false;
    const names = prefixes(below);
    const last = names.pop() ?? '';
    for (const name of names) if (this.#isDirectoryIgnored(name)) return true;
    return isDirectory ? this.#isDirectoryIgnored(last) : this.#judge(last, false);
  }

  #isDirectoryIgnored(below: string): boolean {
    let isIgnored = this.#directories.get(below);
    if (isIgnored === undefined) {
      isIgnored = this.#judge(below, true);
      this.#directories.set(below, isIgnored);
    }
    return isIgnored;
  }

  /** The last decision counts: of the defaults, of each `.gitignore` from the outermost on, of the project file. */
  #judge(below: string, isDirectory: boolean): boolean {
    const path = join(this.#root, below);
    const inner = prefixes(below)
      .slice(0, -1)
      .map((name) => join(this.#root, name));
    const files = [...this.#above, this.#root, ...inner];
    const layers: [Ignore | null, string][] = [
      [this.#defaults, this.#root],
      ...files.map((directory): [Ignore | null, string] => [
        this.#patternsOf(directory),
        directory,
      ]),
      [this.#own, this.#base],
    ];
    let isIgnored = false;
    for (const [patterns, directory] of layers) {
      const name = relative(directory, path);
      if (patterns === null || name === '' || name.startsWith('..')) continue;
      const { ignored, unignored } = patterns.test(isDirectory ? `${name}/` : name);
      // Its directory is not ignored, or nobody would ask: another layer took back what this one says about it.
      if (ignored && name.includes('/') && patterns.test(`${dirname(name)}/`).ignored) continue;
      if (ignored || unignored) isIgnored = ignored;
    }
    return isIgnored;
  }
}
