import { GondolinError } from '../../errors/gondolin-error.ts';
import type { FieldReader } from '../../protocol/field-reader.ts';
import { type FileAttributes, readAttributes } from '../../protocol/files/file-attributes.ts';
import type { FilesChange, FilesPath, FilesRequest } from '../../protocol/files/files-request.ts';
import { decodeNothing, decodePath, decodeSpace, type GuestSpace } from './decode.ts';
import type { DeleteOptions, FileOptions, FollowOptions } from './files-options.ts';
import type { FilesSession } from './files-session.ts';
import { guestPath } from './guest-path.ts';

type RemoveKind = 'FILE' | 'DIRECTORY' | 'TREE';

const REMOVE_CALLS = { FILE: 'unlink', DIRECTORY: 'rmdir', TREE: 'rm' } as const;

/** The requests about names and attributes, each one message to the files process. `GuestFileSystem` documents the calls. */
export class NameRequests {
  readonly #session: FilesSession;
  readonly #cwd: string | undefined;

  constructor(session: FilesSession, cwd: string | undefined) {
    this.#session = session;
    this.#cwd = cwd;
  }

  async stat(path: FilesPath, follow: boolean, options: FileOptions): Promise<FileAttributes> {
    const syscall = follow ? 'stat' : 'lstat';
    const target = { path: this.#path(path, syscall), follow };
    const request = { type: 'STAT', target } as const;
    return this.#request(syscall, path, request, readAttributes, options);
  }

  async access(path: FilesPath, mode: number, options: FileOptions): Promise<void> {
    const request = { type: 'ACCESS', path: this.#path(path, 'access'), mode } as const;
    await this.#request('access', path, request, decodeNothing, options);
  }

  async makeDirectory(
    path: FilesPath,
    { mode, parents }: { readonly mode: number; readonly parents: boolean },
    options: FileOptions,
  ): Promise<void> {
    const request = { type: 'MKDIR', path: this.#path(path, 'mkdir'), mode, parents } as const;
    await this.#request('mkdir', path, request, decodeNothing, options);
  }

  /** Sends a request that has two paths. */
  async pair(
    type: 'RENAME' | 'LINK',
    from: FilesPath,
    to: FilesPath,
    options: FileOptions,
  ): Promise<void> {
    const syscall = type.toLowerCase();
    const request = { type, path: this.#path(from, syscall), other: this.#path(to, syscall) };
    await this.#request(syscall, from, request, decodeNothing, options);
  }

  async symlink(target: FilesPath, path: FilesPath, options: FileOptions): Promise<void> {
    const text = guestPath(target, undefined, 'symlink');
    const request = { type: 'SYMLINK', path: text, other: this.#path(path, 'symlink') } as const;
    await this.#request('symlink', path, request, decodeNothing, options);
  }

  /** Returns the text of a link, or the path without links. */
  async readPath(
    type: 'READLINK' | 'REALPATH',
    path: FilesPath,
    options: FileOptions,
  ): Promise<string> {
    const syscall = type.toLowerCase();
    const request = { type, path: this.#path(path, syscall) };
    return (await this.#request(syscall, path, request, decodePath, options)).toString('utf8');
  }

  async delete(path: FilesPath, options: DeleteOptions): Promise<void> {
    try {
      if (options.recursive === true) {
        // The guest does a part at a time, so that other requests do not wait for all of a large tree.
        while (await this.remove('TREE', path, options));
        return;
      }
      await this.remove('FILE', path, options).catch((error: unknown) => {
        const isDirectory = GondolinError.is(error) && error.code === 'EISDIR';
        if (!isDirectory) throw error;
        return this.remove('DIRECTORY', path, options);
      });
    } catch (error) {
      const isMissing = GondolinError.is(error) && error.code === 'ENOENT';
      if (options.force !== true || !isMissing) throw error;
    }
  }

  /** Returns true while there is more of a tree to remove. */
  remove(kind: RemoveKind, path: FilesPath, options: FileOptions): Promise<boolean> {
    const syscall = REMOVE_CALLS[kind];
    const request = { type: 'REMOVE', path: this.#path(path, syscall), kind } as const;
    return this.#request(syscall, path, request, (body) => body.u8() === 1, options);
  }

  async set(
    syscall: string,
    path: FilesPath,
    change: FilesChange,
    options: FollowOptions,
  ): Promise<void> {
    const target = { path: this.#path(path, syscall), follow: options.follow ?? true };
    const request = { type: 'SET', target, change } as const;
    await this.#request(syscall, path, request, decodeNothing, options);
  }

  async space(path: FilesPath, options: FileOptions): Promise<GuestSpace> {
    const request = { type: 'STATVFS', path: this.#path(path, 'statfs') } as const;
    return this.#request('statfs', path, request, decodeSpace, options);
  }

  #path(path: FilesPath, syscall: string): FilesPath {
    return guestPath(path, this.#cwd, syscall);
  }

  #request<T>(
    syscall: string,
    path: FilesPath,
    request: FilesRequest,
    decode: (body: FieldReader) => T,
    { signal }: FileOptions,
  ): Promise<T> {
    return this.#session.request(request, { action: { syscall, path }, decode, signal });
  }
}
