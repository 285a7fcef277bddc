import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { TarReader } from '../oci/layer/tar-reader.ts';

export interface TarFile {
  readonly name: string;
  readonly content: Buffer;
}

const NAME_MAX = 255;
const FILES_MAX = 1000;

/**
 * Reads the files of a small archive that is in memory: signatures, an index, the control part of a package. Other entries
 * are left out.
 *
 * @throws {GondolinError} IMAGE_LAYER_INVALID.
 */
export function readTarFiles(archive: Buffer): TarFile[] {
  const files: TarFile[] = [];
  let current: { entry: LayerEntry; parts: Buffer[] } | null = null;
  const reader = new TarReader({
    onEntry: (entry) => {
      if (entry.type !== 'file' || entry.name.length > NAME_MAX) return false;
      if (files.length >= FILES_MAX) throw new RangeError(`it has more than ${FILES_MAX} files`);
      current = { entry, parts: [] };
      return true;
    },
    onContent: (chunk) => current?.parts.push(Buffer.from(chunk)),
    onContentEnd: () => {
      if (current === null) return;
      files.push({ name: current.entry.name, content: Buffer.concat(current.parts) });
      current = null;
    },
  });
  reader.write(archive);
  reader.end();
  return files;
}
