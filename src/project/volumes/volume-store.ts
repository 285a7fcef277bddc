import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { sweepTemporaries, writeFileAtomic } from '../../host/atomic-write.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { lockHolder } from '../../host/file-lock.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { diskBytesOf } from '../../host/saved-directories.ts';
import { decodeOrNull, integer, number, object, text } from '../../util/json-decoder.ts';
import { lockDiskImage } from '../../vm/disks/disk-image.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const FACTS_FILE = 'volume.json';
const IMAGE_FILE = 'disk.img';
const MAX_FACTS_BYTES = 64 * 1024;

/** Facts beside a volume's disk. */
interface VolumeFacts {
  readonly version: number;
  /** 32 hex digits: a volume that was removed and made again is another one. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  /** Sandbox that used it last. */
  readonly lastSandbox: string;
}

const storedFacts = object<VolumeFacts>({
  version: integer(),
  id: text({ pattern: /^[0-9a-f]{32}$/ }),
  sizeBytes: integer(),
  createdAtMs: number,
  lastUsedAtMs: number,
  lastSandbox: text({ maxLength: 256 }),
});

/** A volume on this machine. */
export interface Volume extends Omit<VolumeFacts, 'version'> {
  readonly project: string;
  readonly name: string;
  /** Its disk. */
  readonly path: string;
  /** Bytes that it takes on the host's disk. */
  readonly diskBytes: number;
  /** Process whose VM uses it; null for none. */
  readonly usedByPid: number | null;
}

/** A sandbox that is about to use a volume. */
export interface VolumeUse {
  readonly project: string;
  readonly sandbox: string;
  readonly name: string;
  readonly sizeBytes: number;
}

/** The volumes of this user's projects: `<volumes>/<project>/<name>/`, with the disk and its facts. */
export class VolumeStore {
  readonly #parent: string;

  /** @param parent  `Directories.volumes`; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
  }

  /** Path of a volume's disk, which may not exist. */
  diskPath(project: string, name: string): string {
    return join(this.#parent, project, name, IMAGE_FILE);
  }

  /**
   * Writes down that a sandbox is about to use a volume; the disk itself is made when it is opened.
   * @returns The volume's id.
   * @throws {GondolinError} HOST_… when the state directory cannot be written.
   */
  async use({ project, sandbox, name, sizeBytes }: VolumeUse): Promise<string> {
    const directory = join(this.#parent, project, name);
    await ensureDirectory(directory);
    await sweepTemporaries(directory);
    const now = Date.now();
    const known = await this.#known(directory);
    const { id, createdAtMs } = known ?? { id: randomBytes(16).toString('hex'), createdAtMs: now };
    const facts: VolumeFacts = {
      ...{ version: 1, id, sizeBytes, createdAtMs },
      ...{ lastUsedAtMs: now, lastSandbox: sandbox },
    };
    await writeFileAtomic(join(directory, FACTS_FILE), `${JSON.stringify(facts, null, 2)}\n`);
    return id;
  }

  /** Returns the id of a volume; null when there is none. */
  async id(project: string, name: string): Promise<string | null> {
    return (await this.#known(join(this.#parent, project, name)))?.id ?? null;
  }

  /** The facts of a volume that has a disk: one that was removed by hand is a new one. */
  async #known(directory: string): Promise<VolumeFacts | null> {
    const hasDisk = (await diskBytesOf(join(directory, IMAGE_FILE))) > 0;
    return hasDisk ? this.#facts(directory) : null;
  }

  async #facts(directory: string): Promise<VolumeFacts | null> {
    return decodeOrNull(
      await readTextFile(join(directory, FACTS_FILE), MAX_FACTS_BYTES),
      storedFacts,
    );
  }

  /** Lists every volume, by project and name. One whose facts are damaged is listed with what is known. */
  async list(): Promise<Volume[]> {
    const volumes: Volume[] = [];
    for (const project of await directoriesIn(this.#parent)) {
      for (const name of await directoriesIn(join(this.#parent, project))) {
        volumes.push(await this.#describe(project, name));
      }
    }
    return volumes;
  }

  async #describe(project: string, name: string): Promise<Volume> {
    const directory = join(this.#parent, project, name);
    const path = join(directory, IMAGE_FILE);
    const facts = await this.#facts(directory);
    const { id = '', sizeBytes = 0, createdAtMs = 0, lastUsedAtMs = 0 } = facts ?? {};
    const use = { lastUsedAtMs, lastSandbox: facts?.lastSandbox ?? '' };
    const [diskBytes, usedByPid] = [await diskBytesOf(path), lockHolder(path)];
    const own = { project, name, path, id, sizeBytes, createdAtMs };
    return { ...own, ...use, diskBytes, usedByPid };
  }

  /**
   * Removes a volume with all that is on it.
   * @throws {GondolinError} VM_DISK_IN_USE while a VM uses it.
   */
  async remove(project: string, name: string): Promise<void> {
    const directory = join(this.#parent, project, name);
    const lock = lockDiskImage(join(directory, IMAGE_FILE));
    try {
      await rm(directory, { recursive: true, force: true });
    } finally {
      lock?.close();
    }
  }

  /** Removes the volumes that were not used for `olderThanMs`. @param options `isDryRun` only tells which. */
  async prune(options: {
    readonly olderThanMs: number;
    readonly isDryRun: boolean;
  }): Promise<PrunedVolumes> {
    const usedBefore = Date.now() - options.olderThanMs;
    const old = (await this.list()).filter(({ lastUsedAtMs }) => lastUsedAtMs <= usedBefore);
    const removed: Volume[] = [];
    const inUse: Volume[] = [];
    for (const volume of old) {
      const isGone = volume.usedByPid === null && (await this.#tryRemove(volume, options.isDryRun));
      (isGone ? removed : inUse).push(volume);
    }
    return { removed, inUse };
  }

  async #tryRemove({ project, name }: Volume, isDryRun: boolean): Promise<boolean> {
    if (isDryRun) return true;
    try {
      await this.remove(project, name);
      return true;
    } catch (error) {
      if (GondolinError.is(error) && error.code === 'VM_DISK_IN_USE') return false;
      throw error;
    }
  }
}

/** Volumes that `prune` removed, and those that VMs use. */
export interface PrunedVolumes {
  readonly removed: readonly Volume[];
  readonly inUse: readonly Volume[];
}

/** Names of volumes and projects in a directory, in order; none for a missing one. */
async function directoriesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    return names.filter((name) => NAME.test(name)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
