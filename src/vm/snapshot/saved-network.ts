import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { SAVED_FILES } from '../../machine/saved-files.ts';
import type { NetworkState } from '../../net/network-options.ts';
import { refused } from './saved-machine.ts';

/** As many as a guest's table of addresses holds. */
const MAX_NAMES = 32_768;
const MAX_NAME_LENGTH = 253;

/** Writes what a network must go on with beside a saved machine. @throws {GondolinError} MACHINE_STATE_FAILED */
export async function writeNetworkState(directory: string, state: NetworkState): Promise<void> {
  const path = join(directory, SAVED_FILES.network);
  try {
    await writeFile(path, JSON.stringify(state), { mode: 0o600 });
  } catch (cause) {
    throw new GondolinError('MACHINE_STATE_FAILED', `Cannot write "${path}"`, { cause });
  }
}

/**
 * What `writeNetworkState` wrote.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it is missing or not of its form.
 */
export async function readNetworkState(directory: string): Promise<NetworkState> {
  try {
    const value = JSON.parse(await readFile(join(directory, SAVED_FILES.network), 'utf8'));
    if (isState(value)) return value;
  } catch (cause) {
    throw refused(directory, 'the state of its network is missing or damaged', cause);
  }
  throw refused(directory, 'the state of its network is damaged');
}

function isState(value: unknown): value is NetworkState {
  const { names, placeholderSeed } = (value ?? {}) as Partial<Record<keyof NetworkState, unknown>>;
  const isName = (name: unknown) => typeof name === 'string' && name.length <= MAX_NAME_LENGTH;
  const areNames = Array.isArray(names) && names.length <= MAX_NAMES && names.every(isName);
  return (
    areNames && typeof placeholderSeed === 'string' && /^[0-9a-f]{32,128}$/.test(placeholderSeed)
  );
}
