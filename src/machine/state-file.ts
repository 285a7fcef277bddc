import { closeSync, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { descriptorPath, seek } from '../host/libc.ts';

const SEEK_SET = 0;
/** The state of our devices is about 100 KB: a file above this limit is not one. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/**
 * The file to which QEMU writes its state: open on both sides and without a name, as QEMU cannot open files of the host.
 */
export class StateFile {
  /** Write-only, inherited by QEMU: both share its position in the file. */
  readonly writeFd: number;
  readonly #readFd: number;
  #isClosed = false;

  /** @param path  A free name, which the file has only until it is open on both sides. */
  constructor(path: string) {
    this.writeFd = openSync(path, 'wx', 0o600);
    try {
      this.#readFd = openSync(path, 'r');
    } catch (error) {
      closeSync(this.writeFd);
      throw error;
    } finally {
      rmSync(path, { force: true });
    }
  }

  /** Empties it before a save. */
  rewind(): void {
    ftruncateSync(this.writeFd, 0);
    seek(this.writeFd, 0, SEEK_SET);
  }

  /**
   * Copies what QEMU wrote into a new file that only this user can read, on disk when the promise resolves.
   * @throws {GondolinError} MACHINE_STATE_FAILED when it is empty or larger than a state can be.
   */
  async copyTo(path: string): Promise<void> {
    const { size } = fstatSync(this.#readFd);
    if (size === 0 || size > MAX_STATE_BYTES) {
      throw new GondolinError('MACHINE_STATE_FAILED', `QEMU wrote a state of ${size} bytes`);
    }
    await copyFile(descriptorPath(this.#readFd), path);
    const file = await open(path, 'r+');
    try {
      await file.chmod(0o600);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.writeFd);
    closeSync(this.#readFd);
  }
}
