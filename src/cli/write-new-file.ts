import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { CliIo } from './io.ts';

/**
 * Writes a file for the user; overwrites an existing one only if `isReplacing`.
 * @throws {GondolinError} CLI_FILE_EXISTS, CLI_USAGE for a place that cannot be written.
 */
export async function writeNewFile(
  io: CliIo,
  file: string,
  text: string,
  isReplacing: boolean,
): Promise<string> {
  const shown = relative(io.cwd, file) || file;
  try {
    await writeFile(file, text, { flag: isReplacing ? 'w' : 'wx' });
    return shown;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') {
      throw new GondolinError('CLI_FILE_EXISTS', `${shown} already exists`, { cause });
    }
    throw new GondolinError('CLI_USAGE', `cannot write ${shown}: ${String(code ?? cause)}`, {
      cause,
      hint: 'Choose a file in a writable directory.',
    });
  }
}
