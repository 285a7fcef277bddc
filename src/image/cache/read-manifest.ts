import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { MANIFEST_NAME } from './layout.ts';
import { MANIFEST_MAX_BYTES } from './manifest.ts';

const { O_RDONLY, O_NONBLOCK } = constants;

/**
 * Reads the text of `manifest.json` in the directory; null when the directory does not exist.
 *
 * @throws {GondolinError} IMAGE_INVALID when the directory has no manifest, or it is longer than MANIFEST_MAX_BYTES.
 */
export async function readManifestText(directory: string): Promise<string | null> {
  try {
    if (!(await lstat(directory)).isDirectory()) throw invalid(directory, 'it is not a directory');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  try {
    return await readBounded(directory);
  } catch (error) {
    if (isMissing(error)) throw invalid(directory, `it has no ${MANIFEST_NAME}`);
    throw error;
  }
}

async function readBounded(directory: string): Promise<string> {
  // Without O_NONBLOCK a named pipe in its place would hold us for ever.
  const file = await open(join(directory, MANIFEST_NAME), O_RDONLY | O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) {
      throw invalid(directory, `${MANIFEST_NAME} is not a regular file`);
    }
    const buffer = Buffer.allocUnsafe(MANIFEST_MAX_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MANIFEST_MAX_BYTES) throw invalid(directory, `${MANIFEST_NAME} is too long`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function invalid(directory: string, problem: string): GondolinError {
  return new GondolinError('IMAGE_INVALID', `Cannot read the image in '${directory}': ${problem}`);
}
