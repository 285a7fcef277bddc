import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { GondolinError } from '../../../errors/gondolin-error.ts';

const { O_RDONLY, O_NONBLOCK } = constants;

/**
 * Opens a regular file of the user's, and nothing else: a named pipe would hold us for ever.
 * @throws {GondolinError} IMAGE_NOT_FOUND.
 */
export async function openLocalFile(path: string) {
  const file = await open(path, O_RDONLY | O_NONBLOCK).catch((cause: unknown) => {
    throw notFound(path, 'it cannot be opened', cause);
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notFound(path, 'it is not a regular file');
}

/** Reads a whole file of at most `maxBytes`. @throws {GondolinError} IMAGE_NOT_FOUND. */
export async function readLocalFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await openLocalFile(path);
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw notFound(path, `it has more than ${maxBytes} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function notFound(path: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_NOT_FOUND', `Cannot read the image at ${path}: ${problem}`, {
    cause,
    hint: 'Correct the path under `images:`.',
    details: { path },
  });
}
