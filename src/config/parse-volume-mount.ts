import { existsSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';

/** One parsed `host:guest[:ro]`. */
export interface VolumeMount {
  /** Absolute. */
  readonly hostPath: string;
  readonly guestPath: string;
  readonly readonly: boolean;
}

function invalid(message: string): GondolinError {
  return new GondolinError('CONFIG_VOLUME_INVALID', message);
}

function joinClean(workspace: string, guest: string): string {
  const joined = posix.join(workspace, guest);
  return joined.length > 1 ? joined.replace(/\/+$/, '') : joined;
}

/**
 * Parses a volume as `ParseVolumeMount` of the Go API does, including its order of checks and its traps: `../x` leaves the
 * workspace and `/workspace2` counts as inside. gondolin.yaml has its own, stricter rules. A relative host path starts
 * at the current directory; an absolute guest path outside the workspace is moved below it.
 * @throws {GondolinError} CONFIG_VOLUME_INVALID with the text of the Go API.
 */
export function parseVolumeMount(vol: string, workspace: string): VolumeMount {
  const parts = vol.split(':');
  const [host = '', guest = '', option] = parts;
  if (parts.length !== 2 && parts.length !== 3) {
    throw invalid('expected format host:guest or host:guest:ro');
  }
  const hostPath = resolve(host);
  if (!existsSync(hostPath)) throw invalid(`host path does not exist: ${hostPath}`);
  if (option !== undefined && option !== 'ro' && option !== 'readonly') {
    throw invalid(`unknown option "${option}" (use 'ro' for readonly)`);
  }
  const isKept = guest.startsWith('/') && guest.startsWith(workspace);
  const guestPath = isKept ? guest : joinClean(workspace, guest);
  return { hostPath, guestPath, readonly: option !== undefined };
}
