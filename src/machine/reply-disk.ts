import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { REPLY_SLOT_BYTES } from '../protocol/constants.ts';

/** A tmpfs on every distribution: what is written there reaches no disk. */
const MEMORY_DIRECTORY = '/dev/shm';

/**
 * The disk by which the guest gets the data of large replies of the file server: a file without a name in the host's memory, which this
 * process writes and QEMU, and so the guest, can only read. Nothing of it is saved with a machine: a saved one has no reply under way.
 */
export class ReplyDisk {
  /** As many as Linux has reads of 1 MiB under way for one program that reads a file from start to end, and one more. */
  static readonly SLOTS = 4;
  readonly slots: number = ReplyDisk.SLOTS;
  /** Writable. */
  readonly #fd: number;
  /** Read-only, for QEMU. */
  readonly readFd: number;
  #isClosed = false;

  private constructor(fd: number, readFd: number) {
    this.#fd = fd;
    this.readFd = readFd;
  }

  static get sizeBytes(): number {
    return ReplyDisk.SLOTS * REPLY_SLOT_BYTES;
  }

  /**
   * @param directory  Where it is made when the host has no file system in memory.
   * @throws {GondolinError} MACHINE_DISK_FAILED
   */
  static make(directory: string): ReplyDisk {
    const parent = existsSync(MEMORY_DIRECTORY) ? MEMORY_DIRECTORY : directory;
    const path = join(parent, `gondolin-replies-${randomBytes(12).toString('hex')}`);
    let fd = -1;
    try {
      fd = openSync(path, 'wx', 0o600);
      ftruncateSync(fd, ReplyDisk.sizeBytes);
      return new ReplyDisk(fd, openSync(path, 'r'));
    } catch (cause) {
      if (fd >= 0) closeSync(fd);
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot make the disk for replies of the file server: ${reason}`;
      throw new GondolinError('MACHINE_DISK_FAILED', message, { cause });
    } finally {
      rmSync(path, { force: true });
    }
  }

  /** Returns false when the host's memory is full, and after `close`, when the descriptor is another file's. */
  write(data: Buffer, position: number): boolean {
    if (this.#isClosed) return false;
    try {
      return writeSync(this.#fd, data, 0, data.length, position) === data.length;
    } catch {
      return false;
    }
  }

  /** May be called twice. QEMU has a copy of its descriptor. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
    closeSync(this.readFd);
  }
}
