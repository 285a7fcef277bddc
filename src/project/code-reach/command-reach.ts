import { stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { HostCode } from '../../plan/plan.ts';
import type { Reach } from './module-reach.ts';
import { overlap, replaceable, type WritableTree } from './writable-tree.ts';

/** Returns `PATH` without entries that are relative or that a guest can write. */
export async function safeSearchPath(
  path: string | undefined,
  trees: readonly WritableTree[],
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const entries = path.split(delimiter);
  const writable = await Promise.all(
    entries.map(async (entry) => !isAbsolute(entry) || (await overlap(entry, trees)) !== null),
  );
  return entries.filter((_, index) => writable[index] !== true).join(delimiter);
}

/** Splits a command into everything that may be a word: between blanks, quotes and operators. */
function splitWords(command: string | readonly string[]): string[] {
  const texts = typeof command === 'string' ? command.split(/[\s'"`;&|<>(){}]+/) : [...command];
  const words = texts.flatMap((text) => [text, ...text.split(/[=:,@]/)]);
  return [...new Set(words)].filter((word) => word !== '' && !word.includes('\0'));
}

async function pathKind(path: string): Promise<'file' | 'directory' | null> {
  return stat(path).then(
    (found) => (found.isDirectory() ? 'directory' : 'file'),
    () => null,
  );
}

/** Expands the home directory as a shell does. */
function withHome(word: string, home: string): string {
  return word.replace(/^(?:~|\$HOME|\$\{HOME\})(?=\/|$)/, home);
}

/** Returns the paths that a word may refer to: relative to the command's directory, and programs in the search path. */
async function pathsMeantBy(
  word: string,
  directory: string,
  searchPath: string,
): Promise<string[]> {
  const named = resolve(directory, word);
  const kind = await pathKind(named);
  const isNamed = kind === 'file' || (kind === 'directory' && /[/~]/.test(word));
  if (word.includes('/')) return isNamed ? [named] : [];
  const programs = searchPath.split(delimiter).map((entry) => join(entry, word));
  const kinds = await Promise.all(programs.map(pathKind));
  return [...(isNamed ? [named] : []), ...programs.filter((_, index) => kinds[index] === 'file')];
}

/**
 * Returns a file or directory that a secret's command refers to and a guest can change; null if there is none. A bare
 * word that is only the name of a directory counts as an argument. What the program itself reads is unknown.
 */
export async function commandReach(
  { command, directory }: Extract<HostCode, { kind: 'command' }>,
  trees: readonly WritableTree[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Reach | null> {
  const { PATH: searchPath = '', HOME: home = '~' } = env;
  for (const word of splitWords(command)) {
    for (const path of await pathsMeantBy(withHome(word, home), directory, searchPath)) {
      const tree = await replaceable(path, trees);
      if (tree !== null) return { path, tree };
    }
  }
  return null;
}
