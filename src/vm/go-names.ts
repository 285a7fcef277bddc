import { S_IFDIR, S_IFMT } from '../vfs/file-mode.ts';
import type { GuestFileSystem } from './files/guest-file-system.ts';

/**
 * An entry of `vm.listFiles()`, with the names of the Go API's JSON.
 *
 * @example
 * const total = (files: FileInfo[]) => files.reduce((bytes, { size }) => bytes + size, 0);
 */
export interface FileInfo {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Type and permission bits (st_mode). */
  readonly mode: number;
  readonly mod_time: Date;
  readonly is_dir: boolean;
}

/** The methods that a VM has for programs written for the Go API: other names for `fs` and `close`. */
export abstract class GoNames {
  abstract get fs(): GuestFileSystem;
  abstract close(): Promise<void>;

  /** The same as `close`. */
  stop(): Promise<void> {
    return this.close();
  }

  /** Writes a file of the guest; `vm.fs.writeFile` has more options. @param mode  Permission bits of a new file. */
  writeFile(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
    return this.fs.writeFile(path, content, { mode });
  }

  /** Reads a whole file of the guest; `vm.fs.readFile` has more options. */
  readFile(path: string): Promise<Buffer> {
    return this.fs.readFile(path);
  }

  /** Lists a directory of the guest; `vm.fs.listDir` has more facts. Symbolic links are not followed. */
  async listFiles(path: string): Promise<FileInfo[]> {
    const entries = await this.fs.listDir(path);
    return entries.map(({ name, size, mode, mtime }) => ({
      name,
      size,
      mode,
      mod_time: mtime,
      is_dir: (mode & S_IFMT) === S_IFDIR,
    }));
  }
}
