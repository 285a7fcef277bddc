import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { type Decoder, decodeJson } from '../../util/json-decoder.ts';
import { refused } from './saved-machine.ts';

/** Writes a JSON file of a saved machine, for its user only. @throws {GondolinError} MACHINE_STATE_FAILED */
export async function writeSavedJson(
  directory: string,
  name: string,
  value: unknown,
): Promise<void> {
  const path = join(directory, name);
  try {
    await writeFile(path, JSON.stringify(value), { mode: 0o600 });
  } catch (cause) {
    throw new GondolinError('MACHINE_STATE_FAILED', `Cannot write "${path}"`, { cause });
  }
}

/**
 * Reads what `writeSavedJson` wrote.
 * @throws {GondolinError} SNAPSHOT_REFUSED naming the file and the field when it is missing or not of its form.
 */
export async function readSavedJson<T>(
  directory: string,
  name: string,
  decoder: Decoder<T>,
): Promise<T> {
  let json: string;
  try {
    json = await readFile(join(directory, name), 'utf8');
  } catch (cause) {
    throw refused(directory, `its file "${name}" cannot be read`, cause);
  }
  const decoded = decodeJson(json, decoder);
  if (decoded.ok) return decoded.value;
  throw refused(directory, `its file "${name}" is damaged: ${decoded.problem}`);
}
