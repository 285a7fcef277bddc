import { closeSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import { makeExt4 } from '../host/ext4.ts';
import { nextData, nextHole } from '../host/sparse-file.ts';

const CHUNK_BYTES = 1024 * 1024;

/**
 * The disk that takes what a guest writes to its root: a sparse file without a name, so that nothing is left of it when its machine
 * ends, however that ends.
 */
export class RootDisk {
  readonly fd: number;
  readonly #sizeBytes: number;
  #isClosed = false;

  private constructor(fd: number, sizeBytes: number) {
    this.fd = fd;
    this.#sizeBytes = sizeBytes;
  }

  /**
   * Makes the disk of one machine.
   * @param path  A free name on a file system with room, which the file has only until it is open.
   * @param from  Copy of the disk of a saved machine; null for an empty file system.
   * @throws {GondolinError} MACHINE_DISK_FAILED, HOST_TOOL_NOT_FOUND, HOST_TOOL_FAILED.
   */
  static async make(path: string, sizeBytes: number, from: string | null): Promise<RootDisk> {
    const disk = new RootDisk(openUnnamed(path), sizeBytes);
    try {
      ftruncateSync(disk.fd, sizeBytes);
      // mkfs.ext4 does not inherit the descriptor, so it opens that of this process.
      if (from === null) await makeExt4(`/proc/${process.pid}/fd/${disk.fd}`, disk.fd, 'scratch');
      else await disk.#copyFrom(from);
      return disk;
    } catch (cause) {
      disk.close();
      throw GondolinError.is(cause) ? cause : failed('make', cause);
    }
  }

  async #copyFrom(path: string): Promise<void> {
    const source = await open(path, 'r');
    try {
      const { size } = await source.stat();
      if (size !== this.#sizeBytes) throw new Error(`${path} has ${size} bytes`);
      const target = await open(`/proc/self/fd/${this.fd}`, 'r+');
      try {
        await copyData(source, target);
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  }

  /**
   * Copies what a stopped machine wrote into a new file, sparse and on disk when the promise resolves.
   * @throws {GondolinError} MACHINE_DISK_FAILED
   */
  async copyTo(path: string): Promise<void> {
    try {
      const target = await open(path, 'wx', 0o600);
      try {
        await target.truncate(this.#sizeBytes);
        const source = await open(`/proc/self/fd/${this.fd}`, 'r');
        try {
          await copyData(source, target);
        } finally {
          await source.close();
        }
        await target.sync();
      } finally {
        await target.close();
      }
    } catch (cause) {
      throw failed('save', cause);
    }
  }

  /** May be called twice. QEMU has a copy of the descriptor. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.fd);
  }
}

function openUnnamed(path: string): number {
  try {
    return openSync(path, 'wx+', 0o600);
  } catch (cause) {
    throw failed('make', cause);
  } finally {
    rmSync(path, { force: true });
  }
}

/** Copies what is not a hole, a part at a time, so that other work runs in between. */
async function copyData(from: FileHandle, to: FileHandle): Promise<void> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = nextData(from.fd, 0); at !== null; at = nextData(from.fd, at)) {
    const end = nextHole(from.fd, at);
    while (at < end) {
      const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, end - at), at);
      if (bytesRead === 0) return;
      await to.write(chunk, 0, bytesRead, at);
      at += bytesRead;
    }
  }
}

function failed(what: string, cause: unknown): GondolinError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GondolinError(
    'MACHINE_DISK_FAILED',
    `Cannot ${what} the disk of the root: ${reason}`,
    {
      cause,
    },
  );
}
