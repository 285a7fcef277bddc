import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { SAVED_FILES } from '../../machine/saved-files.ts';
import type { ChannelCounts } from '../guest-files.ts';

/** Changes when what is saved, or when, changes: older ones are then never found again. */
export const SNAPSHOT_VERSION = 3;

const MANIFEST = 'manifest.json';
const MAX_MANIFEST_BYTES = 64 * 1024;

/** A saved machine that was looked at and can be tried. */
export interface SavedMachine {
  readonly ramPath: string;
  readonly statePath: string;
  /** What its file channel had carried. */
  readonly channel: ChannelCounts;
}

interface Manifest {
  readonly version: number;
  /** The key it was saved under: what the machine must be to load it. */
  readonly identity: string;
  readonly memoryBytes: number;
  readonly stateBytes: number;
  readonly channel: ChannelCounts;
}

/** Completes a directory that `saveMachine` filled. Without its manifest a saved machine counts as absent. */
export async function writeManifest(
  directory: string,
  identity: string,
  memoryBytes: number,
  channel: ChannelCounts,
): Promise<void> {
  const state = await stat(join(directory, SAVED_FILES.state));
  const manifest: Manifest = {
    version: SNAPSHOT_VERSION,
    identity,
    memoryBytes,
    stateBytes: state.size,
    channel,
  };
  await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest)}\n`, { mode: 0o600 });
}

/**
 * Looks at a saved machine: its manifest, and that its files have their sizes. QEMU checks the state itself when it loads.
 * Null when there is none.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it is cut off, or of another machine.
 */
export async function openSavedMachine(
  directory: string,
  identity: string,
): Promise<SavedMachine | null> {
  const text = await readTextFile(join(directory, MANIFEST), MAX_MANIFEST_BYTES);
  if (text === null) return null;
  const manifest = parseManifest(text);
  if (manifest?.identity !== identity) throw refused(directory, 'it is of another machine');
  const ramPath = join(directory, SAVED_FILES.ram);
  const statePath = join(directory, SAVED_FILES.state);
  const [ramBytes, stateBytes] = await Promise.all([sizeOf(ramPath), sizeOf(statePath)]);
  if (ramBytes !== manifest.memoryBytes) throw refused(directory, 'its memory is cut off');
  if (stateBytes !== manifest.stateBytes) throw refused(directory, 'its state is cut off');
  return { ramPath, statePath, channel: manifest.channel };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return -1;
    throw error;
  }
}

function parseManifest(text: string): Manifest | null {
  try {
    const value = JSON.parse(text) as Manifest | null;
    const isWhole = value?.version === SNAPSHOT_VERSION && isCount(value.channel?.bytesIn);
    return isWhole && isCount(value.channel.bytesOut) ? value : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** The error of a saved machine that cannot be used: it is to be removed, and the start goes on without. */
export function refused(directory: string, reason: string, cause?: unknown): GondolinError {
  return new GondolinError('SNAPSHOT_REFUSED', `Cannot restore ${directory}: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { directory },
  });
}
