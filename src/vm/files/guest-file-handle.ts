import { MAX_FILES_DATA_BYTES } from '../../protocol/constants.ts';
import type { FilesChange } from '../../protocol/files/files-request.ts';
import { type FileTime, toNs } from './file-time.ts';
import { GuestStats } from './guest-stats.ts';
import type { OpenGuestFile } from './open-file.ts';
import { readRange } from './read.ts';
import { TransferWindow } from './transfer-window.ts';

/**
 * An open file of the guest, from `vm.fs.open()`. Positions are given with each call; calls may run at the same time.
 * Every method rejects with a GondolinError whose code is that of `node:fs`, or FILES_ENDED when the process that holds the
 * file has ended: then open it again.
 *
 * @example
 * const file: GuestFileHandle = await vm.fs.open('/tmp/data', 'w+');
 * await file.write(4, Buffer.from('data'));
 * console.log((await file.read(0, 8)).length); // 8
 * await file.close();
 */
export class GuestFileHandle implements AsyncDisposable {
  readonly #file: OpenGuestFile;

  /** @internal */
  constructor(file: OpenGuestFile) {
    this.#file = file;
  }

  /** Reads up to `length` bytes from `offset`. Fewer are the end of the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (length <= MAX_FILES_DATA_BYTES) return this.#file.read(offset, length);
    const chunks: Buffer[] = [];
    const end = offset + length;
    for await (const chunk of readRange(this.#file, { start: offset, end })) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Writes all of `data` at `offset`; a file opened with `a` appends it instead. */
  async write(offset: number, data: Uint8Array): Promise<void> {
    const window = new TransferWindow();
    for (let at = 0; at < data.length; at += MAX_FILES_DATA_BYTES) {
      await window.add(this.#file.write(offset + at, data.subarray(at, at + MAX_FILES_DATA_BYTES)));
    }
    await window.settle();
  }

  async stat(): Promise<GuestStats> {
    return new GuestStats(await this.#file.stat());
  }

  truncate(size = 0): Promise<void> {
    return this.#set({ size }, 'ftruncate');
  }

  /** @param mode  Permission bits, 0..0o7777. */
  chmod(mode: number): Promise<void> {
    return this.#set({ mode }, 'fchmod');
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.#set({ owner: { uid, gid } }, 'fchown');
  }

  utimes(atime: FileTime, mtime: FileTime): Promise<void> {
    return this.#set({ atimeNs: toNs(atime), mtimeNs: toNs(mtime) }, 'futimes');
  }

  /** Waits until the file's content and attributes are on its disk. */
  sync(): Promise<void> {
    return this.#file.sync(false);
  }

  datasync(): Promise<void> {
    return this.#file.sync(true);
  }

  /** Closes the file. May be called twice. */
  close(): Promise<void> {
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #set(change: FilesChange, syscall: string): Promise<void> {
    return this.#file.set(change, syscall);
  }
}
