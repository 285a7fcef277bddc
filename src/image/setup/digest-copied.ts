import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { ImageSetup } from '../../plan/plan.ts';

/** Entries of one tree that are copied into an image; more are a mistake, such as a home directory. */
const MAX_ENTRIES = 500_000;

/**
 * Digests of the files and directories that a setup copies: names, permissions, contents and targets of links, 64 hex digits each.
 * @throws {GondolinError} IMAGE_SETUP_FAILED naming one that cannot be read.
 */
export async function digestCopied(
  copy: ImageSetup['copy'],
  signal: AbortSignal,
): Promise<string[]> {
  const digests: string[] = [];
  for (const { hostPath } of copy) {
    try {
      const hash = createHash('sha256');
      // A link at the place itself is followed, as the copy does.
      await addTree(hash, await realpath(hostPath), '', { left: MAX_ENTRIES, signal });
      digests.push(hash.digest('hex'));
    } catch (cause) {
      signal.throwIfAborted();
      if (GondolinError.is(cause)) throw cause;
      throw unreadable(
        hostPath,
        `it cannot be read (${(cause as NodeJS.ErrnoException).code})`,
        cause,
      );
    }
  }
  return digests;
}

async function addTree(
  hash: Hash,
  path: string,
  name: string,
  state: { left: number; readonly signal: AbortSignal },
): Promise<void> {
  state.signal.throwIfAborted();
  state.left -= 1;
  if (state.left < 0) throw unreadable(path, `it is in a tree of more than ${MAX_ENTRIES} entries`);
  const stat = await lstat(path);
  const add = (kind: string, rest = '') =>
    hash.update(JSON.stringify([kind, name, stat.mode & 0o777, rest]));
  if (stat.isSymbolicLink()) {
    add('link', await readlink(path));
  } else if (stat.isDirectory()) {
    const names = (await readdir(path)).toSorted();
    add('directory', String(names.length));
    for (const below of names) await addTree(hash, join(path, below), `${name}/${below}`, state);
  } else if (stat.isFile()) {
    add('file', String(stat.size));
    for await (const chunk of createReadStream(path, { signal: state.signal })) hash.update(chunk);
  }
}

function unreadable(path: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_SETUP_FAILED', `Cannot copy ${path} into the image: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Correct the path; relative paths start at the file that contains them.',
    details: { path },
  });
}
