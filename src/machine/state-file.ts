import { closeSync, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { descriptorPath, seek } from '../host/libc.ts';

const SEEK_SET = 0;
/** Some 100 KB for the devices of ours: more is no state of theirs. */
const MAX_STATE_BYTES = 64 * 1024 * 1024;

/**
 * The file that QEMU writes its state to: open on both sides and without a name, as QEMU can open none of the host's files.
 */
export class StateFile {
  /** Write-only, for QEMU to inherit: its place in the file is shared. */
  readonly writeFd: number;
  readonly #readFd: number;
  #isClosed = false;

  /** @param path  A name that it has for a moment; free. */
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
   * Copies what QEMU wrote into a new file, readable by this user only and on disk when it resolves.
   * @throws {GondolinError} MACHINE_STATE_FAILED when it is empty or longer than a state can be.
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
