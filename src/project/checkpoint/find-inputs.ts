import { lstat, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { StepInput } from '../../config/config.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { mayBeGlob } from '../../util/glob-text.ts';
import { compareText } from './key-chain.ts';

/** Limit of one step's input files. More indicate a mistake in the pattern, such as a directory of dependencies. */
export const MAX_INPUT_FILES = 20_000;
/** Limit of names examined for one step's inputs. */
const MAX_EXAMINED = 200_000;

type Match = (path: string) => boolean;

interface Walk {
  readonly input: StepInput;
  readonly isExcluded: Match;
  readonly found: Set<string>;
  readonly budget: { examined: number };
}

function inputError(
  code: 'PROJECT_INPUT_MISSING' | 'PROJECT_INPUT_LIMIT' | 'PROJECT_INPUT_UNREADABLE',
  { pattern, at }: StepInput,
  reason: string,
  cause?: unknown,
): GondolinError {
  const where = `${at.file}:${at.line}:${at.col}`;
  return new GondolinError(code, `${where}: input "${pattern}": ${reason}`, {
    at,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Returns a path with `/` as its separator on every system. */
function slashed(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

function spend(walk: Walk): void {
  walk.budget.examined += 1;
  if (walk.budget.examined > MAX_EXAMINED) {
    const reason = `more than ${MAX_EXAMINED} names to examine`;
    throw inputError('PROJECT_INPUT_LIMIT', walk.input, reason);
  }
}

function keep(walk: Walk, path: string): void {
  walk.found.add(path);
  if (walk.found.size > MAX_INPUT_FILES) {
    throw inputError('PROJECT_INPUT_LIMIT', walk.input, `more than ${MAX_INPUT_FILES} files`);
  }
}

/** Adds every file and link below `top` that `matches`. Follows no links and reads no excluded directories. */
async function walkTree(walk: Walk, top: string, matches: Match): Promise<void> {
  const waiting = [top];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    const entries = await readEntries(walk, directory);
    for (const entry of entries) {
      spend(walk);
      const path = join(directory, entry.name);
      if (walk.isExcluded(path)) continue;
      if (entry.isDirectory()) waiting.push(path);
      else if ((entry.isFile() || entry.isSymbolicLink()) && matches(path)) keep(walk, path);
    }
  }
}

async function readEntries({ input }: Walk, directory: string) {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Removed meanwhile: it contains nothing.
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw inputError('PROJECT_INPUT_UNREADABLE', input, `${directory}: ${code}`, cause);
  }
}

/** Adds a path that exists by exactly this name, even if it looks like a glob. False when it does not exist. */
async function addPlain(walk: Walk, path: string): Promise<boolean> {
  try {
    const named = await lstat(path);
    if (walk.isExcluded(path)) return true;
    // A link that the user names means its target.
    const meant = named.isSymbolicLink() ? await stat(path) : named;
    if (meant.isDirectory()) await walkTree(walk, path, () => true);
    else if (meant.isFile()) keep(walk, path);
    else throw inputError('PROJECT_INPUT_UNREADABLE', walk.input, 'neither a directory nor a file');
    return true;
  } catch (cause) {
    if (GondolinError.is(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw inputError('PROJECT_INPUT_UNREADABLE', walk.input, String(code), cause);
  }
}

/** Adds the files that one glob matches. */
async function addGlob(walk: Walk): Promise<void> {
  const { directory, pattern } = walk.input;
  const { default: picomatch } = await import('picomatch');
  const { base, glob } = picomatch.scan(pattern);
  if (glob === '') throw inputError('PROJECT_INPUT_MISSING', walk.input, 'does not exist');
  const top = resolve(directory, base.replaceAll(/\\(.)/g, '$1'));
  const isMatch = picomatch(glob);
  const before = walk.found.size;
  await walkTree(walk, top, (path) => isMatch(slashed(relative(top, path))));
  if (walk.found.size === before && !hasKept(walk, top, isMatch)) {
    throw inputError('PROJECT_INPUT_MISSING', walk.input, 'matches no file');
  }
}

/** True when an earlier input already added files of the glob. */
function hasKept({ found }: Walk, top: string, isMatch: Match): boolean {
  return [...found].some((path) => isMatch(slashed(relative(top, path))));
}

/** Returns a test for what the `!` lines exclude; each of them applies to all other lines. */
async function readExclusions(inputs: readonly StepInput[]): Promise<Match> {
  const negated = inputs.filter(({ pattern }) => pattern.startsWith('!'));
  if (negated.length === 0) return () => false;
  const { default: picomatch } = await import('picomatch');
  const tests = negated.map(({ pattern, directory }) => {
    const isMatch = picomatch(pattern.slice(1).replace(/\/$/, ''), { dot: true });
    const isFromRoot = isAbsolute(pattern.slice(1));
    return (path: string) => isMatch(slashed(isFromRoot ? path : relative(directory, path)));
  });
  return (path) => tests.some((test) => test(path));
}

/**
 * Returns the files that a step's inputs name: absolute paths in a fixed order, each once. A directory means every file below
 * it; globs match names that start with a dot only if the pattern has that dot. Links inside directories are not followed.
 *
 * @throws {GondolinError} PROJECT_INPUT_MISSING, PROJECT_INPUT_LIMIT, PROJECT_INPUT_UNREADABLE, with the line in `at`.
 */
export async function findInputs(inputs: readonly StepInput[]): Promise<string[]> {
  const shared = {
    isExcluded: await readExclusions(inputs),
    found: new Set<string>(),
    budget: { examined: 0 },
  };
  for (const input of inputs) {
    const { pattern, directory } = input;
    if (pattern.startsWith('!')) continue;
    const walk: Walk = { ...shared, input };
    if (await addPlain(walk, resolve(directory, pattern))) continue;
    if (!mayBeGlob(pattern)) throw inputError('PROJECT_INPUT_MISSING', input, 'does not exist');
    await addGlob(walk);
  }
  return [...shared.found].toSorted(compareText);
}

/** Returns a test for paths that the inputs of a step name, whether or not there is a file. Without inputs it matches nothing. */
export async function inputMatcher(inputs: readonly StepInput[]): Promise<Match> {
  const isExcluded = await readExclusions(inputs);
  const { default: picomatch } = await import('picomatch');
  const tests = inputs
    .filter(({ pattern }) => !pattern.startsWith('!'))
    .flatMap(({ pattern, directory }): Match[] => {
      const plain = resolve(directory, pattern);
      const isPlain: Match = (path) => path === plain || path.startsWith(`${plain}/`);
      if (!mayBeGlob(pattern)) return [isPlain];
      const { base, glob } = picomatch.scan(pattern);
      if (glob === '') return [isPlain];
      const top = resolve(directory, base.replaceAll(/\\(.)/g, '$1'));
      const isMatch = picomatch(glob);
      const isGlob: Match = (path) =>
        path.startsWith(`${top}/`) && isMatch(slashed(relative(top, path)));
      return [isPlain, isGlob];
    });
  return (path) => !isExcluded(path) && tests.some((test) => test(path));
}

/** Returns the directories and files below which the inputs of a step are. */
export async function inputRoots(inputs: readonly StepInput[]): Promise<string[]> {
  const { default: picomatch } = await import('picomatch');
  const roots = inputs
    .filter(({ pattern }) => !pattern.startsWith('!'))
    .map(({ pattern, directory }) => {
      const { base, glob } = mayBeGlob(pattern) ? picomatch.scan(pattern) : { base: '', glob: '' };
      return resolve(directory, glob === '' ? pattern : base.replaceAll(/\\(.)/g, '$1'));
    });
  return [...new Set(roots)];
}
