import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { SAVED_FILES } from '../../machine/saved-files.ts';
import {
  decodeJson,
  decodeOrNull,
  integer,
  literal,
  nullable,
  object,
  record,
  sha256,
  text,
} from '../../util/json-decoder.ts';
import type { ChannelCounts } from '../guest-files.ts';
import { digestRam, fileStamp } from './ram-digest.ts';

/** Increased when the content of a saved machine, or the moment it is saved, changes: older ones are then not restored. */
export const SNAPSHOT_VERSION = 9;

const MANIFEST = 'manifest.json';
/** The stamps of the RAM and of the disk when their digests were last verified. */
const VERIFIED = 'verified.txt';
const MAX_MANIFEST_BYTES = 64 * 1024;
/** Read in full at each restore: some 100 KB together. */
const SMALL_FILES = [SAVED_FILES.state, SAVED_FILES.mounts, SAVED_FILES.network] as const;

/** The guest in a saved machine. */
export interface GuestFacts {
  /** Bytes that its file channel had carried. */
  readonly channel: ChannelCounts;
  /** Rate of the processor's counter that its clock counts on, as its kernel measured it at its boot; 0 for none. */
  readonly counterKhz: number;
}

/** A saved machine that was checked and can be restored. */
export interface SavedMachine extends GuestFacts {
  readonly ramPath: string;
  readonly statePath: string;
  /** The disk of its root, if it has one. */
  readonly rootDiskPath?: string;
}

interface Manifest extends GuestFacts {
  readonly version: number;
  /** The template key of the machine that was saved: one with another key cannot load it. */
  readonly templateKey: string;
  readonly memoryBytes: number;
  /** See `digestRam`. */
  readonly ramSha256: string;
  /** The same of the disk of its root; null where the machine has none. */
  readonly rootDiskSha256: string | null;
  /** sha256 of each of SMALL_FILES, 64 hex digits; null for a file that does not exist. */
  readonly sha256: Readonly<Record<string, string | null>>;
}

const manifestVersion = object({ version: integer() });
const storedManifest = object<Manifest>({
  version: literal(SNAPSHOT_VERSION),
  templateKey: text(),
  memoryBytes: integer(),
  ramSha256: sha256,
  rootDiskSha256: nullable(sha256),
  sha256: record(SMALL_FILES, nullable(sha256)),
  channel: object<ChannelCounts>({ bytesIn: integer(), bytesOut: integer() }),
  counterKhz: integer({ min: 0 }),
});

/** Completes a directory that `saveMachine` filled. Without a manifest, a saved machine counts as absent. */
export async function writeManifest(
  directory: string,
  templateKey: string,
  memoryBytes: number,
  guest: GuestFacts,
): Promise<void> {
  const ramPath = join(directory, SAVED_FILES.ram);
  const manifest: Manifest = {
    version: SNAPSHOT_VERSION,
    templateKey,
    memoryBytes,
    ramSha256: await digestRam(ramPath),
    rootDiskSha256: await rootDiskDigest(join(directory, SAVED_FILES.rootDisk)),
    sha256: await digestSmallFiles(directory),
    ...guest,
  };
  await writeFile(join(directory, VERIFIED), await stampsOf(directory), { mode: 0o600 });
  await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest)}\n`, { mode: 0o600 });
}

/**
 * Checks a saved machine against its manifest, and returns null when there is none. State, mounts and network are checked by
 * digest; the RAM too if anything about its file changed since it was last verified.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it is damaged, or was saved by another kind of machine.
 */
export async function openSavedMachine(
  directory: string,
  templateKey: string,
): Promise<SavedMachine | null> {
  const json = await readTextFile(join(directory, MANIFEST), MAX_MANIFEST_BYTES);
  if (json === null) return null;
  const version = decodeOrNull(json, manifestVersion)?.version ?? SNAPSHOT_VERSION;
  if (version !== SNAPSHOT_VERSION) throw refused(directory, 'another gondolin version saved it');
  const decoded = decodeJson(json, storedManifest);
  if (!decoded.ok) throw refused(directory, `${MANIFEST} is damaged: ${decoded.problem}`);
  const manifest = decoded.value;
  if (manifest.templateKey !== templateKey) {
    throw refused(directory, 'it needs another image, machine size, QEMU or gondolin');
  }
  const digests = await digestSmallFiles(directory);
  const damaged = SMALL_FILES.find((name) => digests[name] !== manifest.sha256[name]);
  if (damaged !== undefined) throw refused(directory, `its file "${damaged}" is damaged`);
  const ramPath = join(directory, SAVED_FILES.ram);
  if ((await fileSize(ramPath)) !== manifest.memoryBytes) {
    throw refused(directory, 'its memory is incomplete');
  }
  await checkLarge(directory, manifest);
  const rootDiskPath = join(directory, SAVED_FILES.rootDisk);
  return {
    ramPath,
    statePath: join(directory, SAVED_FILES.state),
    channel: manifest.channel,
    counterKhz: manifest.counterKhz,
    ...(manifest.rootDiskSha256 === null ? {} : { rootDiskPath }),
  };
}

async function checkLarge(directory: string, manifest: Manifest): Promise<void> {
  const stamps = await stampsOf(directory);
  const verified = join(directory, VERIFIED);
  if ((await readTextFile(verified, MAX_MANIFEST_BYTES)) === stamps) return;
  const ramSha256 = await digestRam(join(directory, SAVED_FILES.ram));
  if (ramSha256 !== manifest.ramSha256) throw refused(directory, 'its memory is damaged');
  const diskSha256 = await rootDiskDigest(join(directory, SAVED_FILES.rootDisk));
  if (diskSha256 !== manifest.rootDiskSha256)
    throw refused(directory, 'the disk of its root is damaged');
  // The stamps from before the digests: a change meanwhile is then noticed. Stamps that cannot be written cost only time.
  await writeFileAtomic(verified, stamps).catch(ignoreCoded);
}

async function stampsOf(directory: string): Promise<string> {
  const names = [SAVED_FILES.ram, SAVED_FILES.rootDisk];
  const stamps = await Promise.all(names.map((name) => fileStamp(join(directory, name))));
  return stamps.map((stamp) => stamp ?? '-').join('\n');
}

async function rootDiskDigest(path: string): Promise<string | null> {
  return (await fileSize(path)) === -1 ? null : digestRam(path);
}

function ignoreCoded(error: unknown): void {
  if (!GondolinError.is(error)) throw error;
}

async function digestSmallFiles(directory: string): Promise<Record<string, string | null>> {
  const entries = SMALL_FILES.map(async (name) => {
    const bytes = await readFile(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    const digest = bytes === null ? null : createHash('sha256').update(bytes).digest('hex');
    return [name, digest] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return -1;
    throw error;
  }
}

/** Returns the SNAPSHOT_REFUSED error of a saved machine that cannot be used. */
export function refused(directory: string, reason: string, cause?: unknown): GondolinError {
  return new GondolinError('SNAPSHOT_REFUSED', `Cannot restore ${directory}: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { directory },
  });
}
