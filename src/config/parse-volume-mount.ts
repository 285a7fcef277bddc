import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { isInside, resolveGuestPath } from './check/guest-path.ts';

/**
 * A volume as `host:guest[:ro]` describes it.
 *
 * @example
 * const { hostPath, guestPath }: VolumeMount = parseVolumeMount('.:src:ro', DEFAULT_WORKSPACE);
 * const mounts = { [guestPath]: new ReadonlyProvider(hostPath) };
 */
export interface VolumeMount {
  /** Absolute. */
  readonly hostPath: string;
  /** Absolute, inside the workspace. */
  readonly guestPath: string;
  readonly readonly: boolean;
}

function invalid(message: string): GondolinError {
  return new GondolinError('CONFIG_VOLUME_INVALID', message);
}

/** @throws {GondolinError} CONFIG_VOLUME_INVALID */
function placeInWorkspace(guest: string, workspace: string): string {
  const clean = resolveGuestPath(guest, workspace);
  if (clean === null) throw invalid(`guest path "${guest}" leaves the workspace`);
  // An absolute path outside the workspace is moved below it.
  return isInside(clean, workspace) ? clean : placeInWorkspace(clean.slice(1), workspace);
}

/**
 * Parses `host:guest` or `host:guest:ro` as `ParseVolumeMount` of the Go API does: a relative host path starts at the current
 * directory; a guest path is relative to the workspace unless it starts with the workspace path. Unlike there, `../x` is
 * refused and `/workspace2` is not inside `/workspace`.
 * @throws {GondolinError} CONFIG_VOLUME_INVALID with the texts of the Go API.
 *
 * @example
 * const { hostPath, guestPath, readonly } = parseVolumeMount('.:src:ro', '/workspace');
 * console.log(guestPath, readonly); // /workspace/src true
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
  return {
    hostPath,
    guestPath: placeInWorkspace(guest, workspace),
    readonly: option !== undefined,
  };
}
