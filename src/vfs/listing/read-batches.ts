import { S_IFDIR } from '../file-mode.ts';
import type { Inode } from '../nodes/inode-numbers.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { Attributes, DirectoryEntry } from '../provider.ts';
import type { ListedEntry } from './dirent.ts';

const BATCH_ENTRIES = 1_024;
/** For providers that give no number with an entry: readers need one above 0, and get the real one with the attributes. */
const UNKNOWN_INO = 0xffff_ffffn;

/**
 * Yields the entries of a directory in batches, `.` and `..` first, with the inode numbers that the guest sees.
 * @throws the provider's errors.
 */
export async function* readBatches({ mount, node }: HeldNode): AsyncGenerator<ListedEntry[], void> {
  const own = await mount.provider.attributes(node);
  const shown = (entry: DirectoryEntry): ListedEntry => ({
    name: entry.name,
    type: entry.type,
    ino:
      entry.ino === undefined
        ? UNKNOWN_INO
        : mount.numbers.toGuestIno(mount.index, inode(entry, own)),
  });
  let isFirst = true;
  for await (const batch of providedBatches(await mount.provider.entries(node))) {
    const named = batch.filter(({ name }) => name !== '.' && name !== '..').map(shown);
    if (isFirst) named.unshift(...dots(batch, own).map(shown));
    isFirst = false;
    yield named;
  }
  if (isFirst) yield dots([], own).map(shown);
}

/** An entry is on the directory's device unless it says otherwise. */
function inode({ ino = 0n, device }: DirectoryEntry, directory: Attributes): Inode {
  const found = device ?? directory.device;
  return found === undefined ? { ino } : { ino, device: found };
}

/** Returns `.` and `..`. When the provider names no parent both are the same, as in the root of a file system. */
function dots(batch: readonly DirectoryEntry[], own: Attributes): DirectoryEntry[] {
  const above = batch.find(({ name, ino }) => name === '..' && ino !== undefined);
  const { ino } = own;
  return [{ name: '.', type: S_IFDIR, ino }, above ?? { name: '..', type: S_IFDIR, ino }];
}

async function* providedBatches(
  entries: readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>,
): AsyncGenerator<readonly DirectoryEntry[], void> {
  if (Symbol.asyncIterator in entries) {
    yield* entries;
    return;
  }
  for (let start = 0; start < entries.length; start += BATCH_ENTRIES) {
    yield entries.slice(start, start + BATCH_ENTRIES);
  }
}
