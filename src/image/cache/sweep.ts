import { mkdir, rm } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { sweepTemporaries, temporaryName } from '../../host/atomic-write.ts';
import { filterThrough } from '../process/filter-tool.ts';
import { requireBuildTools } from '../process/tool.ts';

const OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** More leftovers than this of builds by a user with subordinate ids need a second run. */
const FOREIGN_TREES_MAX = 100;

/** Removes what ended gondolins left half-written in a directory of the cache. */
export async function sweepLeftovers(parent: string): Promise<string[]> {
  const removed: string[] = [];
  for (let round = 0; ; round += 1) {
    try {
      return [...removed, ...(await sweepTemporaries(parent))];
    } catch (error) {
      const name = foreignTree(parent, error);
      if (name === null || round === FOREIGN_TREES_MAX) throw error;
      await removeAsNamespaceRoot(join(parent, name));
      removed.push(name);
    }
  }
}

/** The entry of `parent` that the error is about, when its files belong to subordinate ids. */
function foreignTree(parent: string, error: unknown): string | null {
  const { code, path } = error as NodeJS.ErrnoException;
  if ((code !== 'EACCES' && code !== 'EPERM') || path === undefined) return null;
  const name = relative(parent, path).split(sep)[0] ?? '';
  return name === '' || name === '..' || isAbsolute(name) ? null : name;
}

/** Runs `use` with a working directory beside the entries, and removes it in any case. */
export async function withWorkDirectory<T>(
  parent: string,
  use: (directory: string) => Promise<T>,
): Promise<T> {
  const directory = join(parent, temporaryName());
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    return await use(directory);
  } finally {
    await removeTree(directory);
  }
}

/** Removes a tree, also one whose files belong to subordinate ids of this user. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    await removeAsNamespaceRoot(directory);
  }
}

async function removeAsNamespaceRoot(directory: string): Promise<void> {
  const tools = requireBuildTools(['unshare'], 'remove the files of a broken build');
  const args = ['--map-root-user', '--map-auto', '--', 'rm', '-rf', '--', directory];
  await filterThrough(tools.unshare, args, { limitBytes: OUTPUT_LIMIT_BYTES });
}
