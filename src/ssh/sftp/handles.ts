import type { SshFile } from '../ssh-guest.ts';
import { type NamedFile, PacketError } from './packets.ts';

/** Files and directories that one SFTP client has open at a time. */
export const MAX_HANDLES = 256;
/** Entries of one reply to READDIR. */
const ENTRIES_AT_ONCE = 128;

type Open =
  | { readonly kind: 'file'; readonly file: SshFile }
  | { readonly kind: 'directory'; readonly entries: readonly NamedFile[]; next: number };

/** The open files and directories of one SFTP client. */
export class SftpHandles {
  readonly #open = new Map<number, Open>();
  #last = 0;

  get isFull(): boolean {
    return this.#open.size >= MAX_HANDLES;
  }

  #add(one: Open): Buffer {
    this.#last += 1;
    this.#open.set(this.#last, one);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(this.#last);
    return handle;
  }

  addFile(file: SshFile): Buffer {
    return this.#add({ kind: 'file', file });
  }

  addDirectory(entries: readonly NamedFile[]): Buffer {
    return this.#add({ kind: 'directory', entries, next: 0 });
  }

  #find(handle: Buffer): Open {
    const open = handle.length === 4 ? this.#open.get(handle.readUInt32BE()) : undefined;
    if (open === undefined) throw new PacketError('no such handle');
    return open;
  }

  /** @throws {PacketError} for a handle of no file. */
  file(handle: Buffer): SshFile {
    const open = this.#find(handle);
    if (open.kind !== 'file') throw new PacketError('not a handle of a file');
    return open.file;
  }

  /** The next entries; null at the end. @throws {PacketError} for a handle of no directory. */
  entries(handle: Buffer): readonly NamedFile[] | null {
    const open = this.#find(handle);
    if (open.kind !== 'directory') throw new PacketError('not a handle of a directory');
    const entries = open.entries.slice(open.next, open.next + ENTRIES_AT_ONCE);
    open.next += entries.length;
    return entries.length === 0 ? null : entries;
  }

  /** @throws {PacketError} for no handle; the error of close(2). */
  async close(handle: Buffer): Promise<void> {
    const open = this.#find(handle);
    this.#open.delete(handle.readUInt32BE());
    if (open.kind === 'file') await open.file.close();
  }

  /** Closes what the client left open. */
  async closeAll(): Promise<void> {
    const files = [...this.#open.values()].filter((open) => open.kind === 'file');
    this.#open.clear();
    await Promise.all(files.map(({ file }) => file.close().catch(() => undefined)));
  }
}
