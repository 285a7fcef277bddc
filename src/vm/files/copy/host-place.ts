import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { openAt, SystemError } from '../../../host/libc.ts';
import { errnoName, isErrnoName } from '../../../protocol/errno.ts';
import { printable } from '../../../protocol/printable.ts';
import { O_CLOEXEC } from '../../../vfs/file-mode.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * A name below the host directory of a copy: each name is one component, as `latin1` text that carries any byte.
 * No symbolic link is followed on the way to it, whoever puts one there: the guest may have the directory as a volume.
 */
export class HostPlace {
  readonly #root: number;
  /** A tree has many of these, so each has its own name only. */
  readonly #above: HostPlace | null;
  readonly name: string;

  private constructor(root: number, above: HostPlace | null, name: string) {
    this.#root = root;
    this.#above = above;
    this.name = name;
  }

  /**
   * Opens the parent directory of a path, which is the user's own and may contain symbolic links.
   * @param options.follow  A symbolic link at the path itself is followed too.
   * @throws {GondolinError} FILES_COPY_FAILED.
   */
  static open(path: string, { follow }: { readonly follow: boolean }): HostPlace {
    let absolute = resolve(path);
    try {
      if (follow) absolute = realpathSync(absolute);
      const root = openSync(dirname(absolute), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      return new HostPlace(root, null, Buffer.from(basename(absolute)).toString('latin1'));
    } catch (error) {
      throw copyError(error, printable(absolute, 4_096));
    }
  }

  /** Ends the use of this place and of all below it. */
  close(): void {
    closeSync(this.#root);
  }

  /** Names from the top. */
  get names(): string[] {
    return this.namesBelow(null);
  }

  /** Names from a place above to this one. */
  namesBelow(above: HostPlace | null): string[] {
    const names: string[] = [];
    for (let at: HostPlace | null = this; at !== null && at !== above; at = at.#above) {
      names.push(at.name);
    }
    return names.reverse();
  }

  /** True for the path that was opened. */
  get isTop(): boolean {
    return this.#above === null;
  }

  /** @param name  One component, of the guest or of a host directory. */
  below(name: Buffer): HostPlace {
    return new HostPlace(this.#root, this, name.toString('latin1'));
  }

  /** The place of a path of the guest below this one. @throws {GondolinError} FILES_COPY_FAILED if a name of it is `..`. */
  at(path: string): HostPlace {
    if (path.split('/').includes('..')) {
      const shown = printable(path, 4_096);
      throw new GondolinError('FILES_COPY_FAILED', `${shown}: leaves the directory of the copy`);
    }
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    return names.reduce<HostPlace>((place, name) => place.below(Buffer.from(name)), this);
  }

  /** For messages. */
  get text(): string {
    return printable(Buffer.from(this.names.join('/'), 'latin1').toString('utf8'), 4_096);
  }

  /** Calls `use` with its parent directory, open. @throws {GondolinError} FILES_COPY_FAILED; the errors of `use`. */
  async inParent<T>(use: (directory: number, name: string) => T | Promise<T>): Promise<T> {
    const directory = this.#openDirectory(this.names.slice(0, -1));
    try {
      return await use(directory, this.name);
    } catch (error) {
      throw copyError(error, this.text);
    } finally {
      closeSync(directory);
    }
  }

  /** Calls `use` with the directory that it is, open. @throws {GondolinError} FILES_COPY_FAILED; the errors of `use`. */
  async inside<T>(use: (directory: number) => T | Promise<T>): Promise<T> {
    const directory = this.#openDirectory(this.names);
    try {
      return await use(directory);
    } catch (error) {
      throw copyError(error, this.text);
    } finally {
      closeSync(directory);
    }
  }

  #openDirectory(names: readonly string[]): number {
    let fd = openAt(this.#root, '.', O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    try {
      for (const name of names) {
        const next = openAt(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        closeSync(fd);
        fd = next;
      }
      return fd;
    } catch (error) {
      closeSync(fd);
      throw copyError(error, this.text);
    }
  }
}

/** Returns the error for a failure of the host in a copy; leaves ours as they are. */
function copyError(error: unknown, place: string): unknown {
  if (GondolinError.is(error)) return error;
  const code =
    error instanceof SystemError ? errnoName(error.errno) : (error as NodeJS.ErrnoException).code;
  // Anything else is a bug of ours.
  if (!isErrnoName(code)) return error;
  return new GondolinError('FILES_COPY_FAILED', `${place}: the host cannot copy it: ${code}`, {
    cause: error,
    details: { path: place, errno: code },
  });
}
