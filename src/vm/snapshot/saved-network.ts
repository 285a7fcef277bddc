import { SAVED_FILES } from '../../machine/saved-files.ts';
import type { NetworkState } from '../../net/network-options.ts';
import { list, object, text } from '../../util/json-decoder.ts';
import { readSavedJson, writeSavedJson } from './saved-json.ts';

/** Size of a guest's table of addresses. */
const MAX_NAMES = 32_768;
const MAX_NAME_LENGTH = 253;

const networkState = object<NetworkState>({
  names: list(text({ maxLength: MAX_NAME_LENGTH }), { maxLength: MAX_NAMES }),
  placeholderSeed: text({ pattern: /^[0-9a-f]{32,128}$/ }),
});

/** Writes what the network of a restored machine needs, beside the machine. @throws {GondolinError} MACHINE_STATE_FAILED */
export function writeNetworkState(directory: string, state: NetworkState): Promise<void> {
  return writeSavedJson(directory, SAVED_FILES.network, state);
}

/**
 * Reads what `writeNetworkState` wrote.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it is missing or not of its form.
 */
export function readNetworkState(directory: string): Promise<NetworkState> {
  return readSavedJson(directory, SAVED_FILES.network, networkState);
}
