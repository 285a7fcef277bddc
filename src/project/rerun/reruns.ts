import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory, NAMES } from '../../host/directories.ts';
import { tryLockDirectory } from '../../host/directory-lock.ts';
import type { FileLock } from '../../host/file-lock.ts';
import { DigestMemo } from '../checkpoint/digest-memo.ts';
import { type RerunListener, SandboxReruns } from './sandbox-reruns.ts';

/** Removes what sessions that were killed left. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const lock = tryLockDirectory(path, 'exclusive');
    if (lock === null) continue;
    await rm(path, { recursive: true, force: true });
    lock.release();
  }
}

/** The saved machines of one watch session, by sandbox, in a directory that is removed at its end. */
export class Reruns {
  readonly #cacheDirectory: string;
  readonly #directory: string;
  #memo: Promise<DigestMemo> | undefined;
  readonly #lock: FileLock | null;
  readonly #listener: (sandbox: string) => RerunListener;
  readonly #sandboxes = new Map<string, SandboxReruns>();

  private constructor(
    cacheDirectory: string,
    directory: string,
    lock: FileLock | null,
    listener: (sandbox: string) => RerunListener,
  ) {
    this.#cacheDirectory = cacheDirectory;
    this.#directory = directory;
    this.#lock = lock;
    this.#listener = listener;
  }

  /**
   * Opens a session, and removes what killed ones left.
   * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE
   */
  static async open(
    cacheDirectory: string,
    listener: (sandbox: string) => RerunListener,
  ): Promise<Reruns> {
    const parent = join(cacheDirectory, NAMES.watch);
    await ensureDirectory(parent);
    const directory = join(parent, randomBytes(8).toString('hex'));
    await ensureDirectory(directory);
    const lock = tryLockDirectory(directory, 'shared');
    await sweep(parent);
    return new Reruns(cacheDirectory, directory, lock, listener);
  }

  /** Returns the starts of a sandbox. */
  of(sandbox: string): SandboxReruns {
    let reruns = this.#sandboxes.get(sandbox);
    if (reruns === undefined) {
      const directory = join(this.#directory, sandbox);
      reruns = new SandboxReruns(directory, () => this.#openMemo(), this.#listener(sandbox));
      this.#sandboxes.set(sandbox, reruns);
    }
    return reruns;
  }

  /** Once for the session: with the files of many projects it takes longer to read than a run to start. */
  #openMemo(): Promise<DigestMemo> {
    this.#memo ??= DigestMemo.open(join(this.#cacheDirectory, NAMES.inputDigests));
    return this.#memo;
  }

  /** Ends the machines that wait and removes the saved ones. */
  async close(): Promise<void> {
    await Promise.all([...this.#sandboxes.values()].map((reruns) => reruns.close()));
    await rm(this.#directory, { recursive: true, force: true });
    this.#lock?.release();
  }
}
