import { readTarEntries } from '../oci/layer/tar-entries.ts';

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
  readTarEntries(archive, ({ type, name }, content) => {
    if (type !== 'file' || name.length > NAME_MAX) return;
    if (files.length >= FILES_MAX) throw new RangeError(`it has more than ${FILES_MAX} files`);
    files.push({ name, content });
  });
  return files;
}
