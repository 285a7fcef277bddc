import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { NAMES } from '../../host/directories.ts';
import type { VmPlan } from '../../plan/plan.ts';
import { copiesOf, copyFilter, MAX_COPIED_ENTRIES } from '../copies/copy-filter.ts';
import type { CopyFilter } from '../copies/gitignore-filter.ts';
import { digestAll, digestOne } from './digest-inputs.ts';
import { DigestMemo } from './digest-memo.ts';
import { compareText } from './key-chain.ts';

/**
 * Returns a digest over each tree that a sandbox copies in, by guest path: names, contents, execute bits and links. Unchanged files are not
 * read again.
 * @throws {GondolinError} PROJECT_INPUT_LIMIT, PROJECT_INPUT_UNREADABLE.
 */
export async function digestTrees(
  vm: VmPlan,
  cacheDirectory: string,
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const memo = await DigestMemo.open(join(cacheDirectory, NAMES.inputDigests));
  for (const copy of copiesOf(vm)) {
    digests[copy.guestPath] = await digestTree(copy.hostPath, copyFilter(copy, vm), memo);
  }
  await memo.save();
  return digests;
}

async function digestTree(top: string, filter: CopyFilter, memo: DigestMemo): Promise<string> {
  if (!(await stat(top)).isDirectory()) return digestOne(top, memo);
  const entries = await listTree(top, filter);
  const files = entries.flatMap(({ path, isDirectory }) => (isDirectory ? [] : [path]));
  const digests = await digestAll(
    files.map((path) => join(top, path)),
    memo,
  );
  const contents = new Map(files.map((path, index) => [path, digests[index]]));
  const lines = entries.map(({ path }) =>
    JSON.stringify([path, contents.get(path) ?? 'directory']),
  );
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

interface TreeEntry {
  /** Below the top, with `/`. */
  readonly path: string;
  readonly isDirectory: boolean;
}

/** Lists files, links and directories that are copied, sorted. Sockets, FIFOs and devices are not. */
async function listTree(top: string, filter: CopyFilter): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [];
  const waiting = [''];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await listDirectory(top, at, filter)) {
      found.push(entry);
      if (entry.isDirectory) waiting.push(entry.path);
    }
    if (found.length > MAX_COPIED_ENTRIES) {
      const message = `copy of ${top}: more than ${MAX_COPIED_ENTRIES} files and directories`;
      throw new GondolinError('PROJECT_INPUT_LIMIT', message);
    }
  }
  return found.toSorted((a, b) => compareText(a.path, b.path));
}

async function listDirectory(top: string, at: string, filter: CopyFilter): Promise<TreeEntry[]> {
  const entries = await readdir(join(top, at), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = at === '' ? entry.name : `${at}/${entry.name}`;
    const isDirectory = entry.isDirectory();
    const isCopied = isDirectory || entry.isFile() || entry.isSymbolicLink();
    return isCopied && filter(path, isDirectory) ? [{ path, isDirectory }] : [];
  });
}
