import type { LayerEntry } from './layer-entry.ts';
import { TarReader } from './tar-reader.ts';

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Calls back for each entry of a tar archive that is in memory, with its content; empty where it has none.
 * @param onEntry  What it throws ends the reading. The content is a part of the archive, not a copy.
 * @throws {GondolinError} IMAGE_LAYER_INVALID.
 */
export function readTarEntries(
  archive: Buffer,
  onEntry: (entry: LayerEntry, content: Buffer) => void,
): void {
  let current: LayerEntry | null = null;
  let content: Buffer = EMPTY;
  const reader = new TarReader({
    onEntry: (entry) => {
      if (entry.type !== 'file') {
        onEntry(entry, EMPTY);
        return false;
      }
      current = entry;
      content = EMPTY;
      return true;
    },
    // The archive is written at once, so the content comes at once, too.
    onContent: (chunk) => {
      content = chunk;
    },
    onContentEnd: () => {
      if (current !== null) onEntry(current, content);
    },
  });
  reader.write(archive);
  reader.end();
}
