import type { FileHandle } from 'node:fs/promises';
import { TarReader } from '../layer/tar-reader.ts';

/** A file within an archive: where its content is. */
export interface ArchivedFile {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** Target of a symbolic link; null for a file. Old versions of Docker link a layer that two images share. */
  readonly link: string | null;
}

const BLOCK = 512;
/** Docker writes four entries for a layer. */
const ENTRIES_MAX = 10_000;

/**
 * Lists the files of an archive by reading its headers only.
 * @throws {GondolinError} IMAGE_LAYER_INVALID.
 */
export async function indexArchive(file: FileHandle): Promise<ReadonlyMap<string, ArchivedFile>> {
  const files = new Map<string, ArchivedFile>();
  const { size: end } = await file.stat();
  const block = Buffer.alloc(BLOCK);
  let offset = 0;
  while (offset < end && files.size < ENTRIES_MAX) {
    let found: ArchivedFile | null = null;
    const reader = new TarReader({
      onEntry: ({ type, name, size, linkName }) => {
        const link = type === 'symlink' || type === 'link' ? linkName : null;
        found = { name: name.replace(/^\.\//, ''), offset: 0, size, link };
        return false;
      },
      onContent: () => undefined,
      onContentEnd: () => undefined,
    });
    while (found === null && offset < end) {
      const { bytesRead } = await file.read(block, 0, BLOCK, offset);
      reader.write(block.subarray(0, bytesRead));
      offset += BLOCK;
    }
    if (found === null) break;
    const { name, size, link } = found as ArchivedFile;
    files.set(name, { name, offset, size, link });
    offset += Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}
