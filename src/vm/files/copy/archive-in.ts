import { Readable } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import {
  FILES_OPEN,
  MAX_FILES_DATA_BYTES,
  MAX_FILES_PATH_BYTES,
} from '../../../protocol/constants.ts';
import type { FilesChange, FilesPath } from '../../../protocol/files/files-request.ts';
import { readTar, type TarEntry } from '../../../util/tar/read-tar.ts';
import { TarError } from '../../../util/tar/tar-error.ts';
import type { FilesSession } from '../files-session.ts';
import { OpenGuestFile } from '../open-file.ts';
import { sendFile } from '../whole-file.ts';
import { changeRequester } from './change-requester.ts';
import { CopyCount, type CopyOptions, type CopySummary } from './copy-options.ts';
import { EntryNames } from './entry-names.ts';
import { WaitingMemory } from './waiting-memory.ts';

/** A file up to this size is held in memory, and sent while the next entries are read. */
const SMALL_BYTES = 128 * 1024;
/** Small files on their way at once. */
const MAX_UNDER_WAY = 32;

/** Fits 64 bits of nanoseconds. */
const MAX_TIME_SECONDS = 9_000_000_000;

/** Errors of an `OPEN` whose cause goes away when the name does: a symbolic link, a running program. */
const REPLACEABLE: ReadonlySet<string> = new Set(['ELOOP', 'ETXTBSY']);

/** Unpacks a tar archive in a directory of the guest. Everything belongs to the guest's user. */
class ArchiveIn {
  readonly #session: FilesSession;
  readonly #signal: AbortSignal | undefined;
  readonly #request: ReturnType<typeof changeRequester>;
  readonly #count: CopyCount;
  readonly #target: Buffer;
  readonly #names = new EntryNames();
  readonly #directories: { readonly path: Buffer; readonly change: FilesChange }[] = [];
  readonly #memory = new WaitingMemory();
  readonly #underWay = new Set<Promise<void>>();
  /** Files that `#underWay` writes. */
  readonly #writing = new Set<string>();
  readonly #errors: unknown[] = [];

  constructor(session: FilesSession, target: FilesPath, options: CopyOptions) {
    this.#session = session;
    this.#signal = options.signal;
    this.#request = changeRequester(session, options.signal);
    this.#count = new CopyCount(options);
    this.#target = Buffer.from(target);
  }

  async run(archive: AsyncIterable<Uint8Array>): Promise<CopySummary> {
    const source = archive instanceof Readable ? archive : Readable.from(archive);
    // It may give nothing any more.
    const stop = () => source.destroy();
    this.#signal?.addEventListener('abort', stop);
    if (this.#signal?.aborted === true) stop();
    try {
      await this.#openTarget();
      for await (const entry of readTar(source)) {
        this.#count.addListed(1);
        await this.#unpack(entry);
      }
    } catch (error) {
      if (error instanceof TarError) {
        throw new GondolinError('FILES_BAD_ARCHIVE', `the archive: ${error.message}`);
      }
      if (this.#signal?.aborted !== true) throw error;
      throw new GondolinError('FILES_ABORTED', 'the copy was cancelled', { cause: error });
    } finally {
      this.#signal?.removeEventListener('abort', stop);
      await Promise.all(this.#underWay);
    }
    this.#throwFirst();
    for (const { path, change } of this.#directories.reverse()) {
      const target = { path, follow: true };
      await this.#request('chmod', path, { type: 'SET', target, change });
    }
    return this.#count.summary;
  }

  /** The target must be a directory, as with `tar -C`. */
  async #openTarget(): Promise<void> {
    const bits = FILES_OPEN.READ | FILES_OPEN.DIRECTORY;
    const request = { path: this.#target, bits, mode: 0, signal: this.#signal };
    const directory = await OpenGuestFile.open(this.#session, request);
    await directory.discard();
  }

  async #unpack(entry: TarEntry): Promise<void> {
    const name = this.#names.check(entry);
    if (name === null) return;
    const path = this.#below(name);
    const missing = this.#names.missingParents(name);
    for (const parent of missing) await this.#makeDirectory(this.#below(parent));
    switch (entry.kind) {
      case 'directory':
        this.#count.add('directories');
        await this.#makeDirectory(path);
        this.#memory.take(path.length);
        this.#directories.push({ path, change: changeOf(entry) });
        return;
      case 'file':
        this.#count.add('files');
        await this.#file(path, entry);
        return;
      case 'symlink': {
        this.#count.add('links');
        const link = { type: 'SYMLINK', path: entry.linkName, other: path } as const;
        await this.#alone(path, link, 'symlink');
        return;
      }
      case 'hard-link': {
        this.#count.add('files');
        const existing = this.#below(this.#names.checkLink(entry, name));
        await this.#alone(path, { type: 'LINK', path: existing, other: path }, 'link');
        return;
      }
      case 'other':
        this.#count.add('skipped');
    }
  }

  #below(name: string): Buffer {
    const path = Buffer.concat([this.#target, Buffer.from(`/${name}`, 'latin1')]);
    if (path.length <= MAX_FILES_PATH_BYTES) return path;
    throw new TarError(`a path in the guest would have more than ${MAX_FILES_PATH_BYTES} bytes`);
  }

  async #makeDirectory(path: Buffer): Promise<void> {
    await this.#request('mkdir', path, { type: 'MKDIR', path, mode: 0o755, parents: true });
  }

  async #file(path: Buffer, entry: TarEntry): Promise<void> {
    this.#count.addBytes(entry.size);
    if (entry.size > SMALL_BYTES) {
      await this.#settle();
      await this.#replacing(path, () => this.#open(path, entry));
      await this.#send(path, entry, entry.content);
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of entry.content) parts.push(Buffer.from(part));
    const key = path.toString('latin1');
    // The later of two entries with one name wins.
    if (this.#writing.has(key)) await this.#settle();
    this.#writing.add(key);
    const isSent = this.#replacing(path, () => this.#send(path, entry, parts));
    await this.#add(isSent.finally(() => this.#writing.delete(key)));
  }

  /** Opens and closes the file, to replace what cannot be written before its content is read. */
  async #open(path: Buffer, entry: TarEntry): Promise<void> {
    await this.#send(path, { ...entry, size: 0 }, []);
  }

  /** Adds work whose end need not be waited for. @throws the first error of any. */
  async #add(work: Promise<void>): Promise<void> {
    const running: Promise<void> = work
      .catch((error: unknown) => void this.#errors.push(error))
      .finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
    while (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race(this.#underWay);
    this.#throwFirst();
  }

  #throwFirst(): void {
    if (this.#errors.length > 0) throw this.#errors[0];
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#underWay);
    this.#throwFirst();
  }

  async #send(
    path: Buffer,
    entry: TarEntry,
    content: AsyncIterable<Buffer> | Iterable<Buffer>,
  ): Promise<void> {
    const { WRITE, CREATE, TRUNCATE, NOFOLLOW } = FILES_OPEN;
    const bits = WRITE | CREATE | TRUNCATE | NOFOLLOW;
    const request = { path, bits, mode: 0o600, signal: this.#signal };
    await sendFile(this.#session, request, async (file, window) => {
      let offset = 0;
      for await (const chunk of content) {
        for (let at = 0; at < chunk.length; at += MAX_FILES_DATA_BYTES) {
          const part = chunk.subarray(at, at + MAX_FILES_DATA_BYTES);
          await window.add(file.write(offset, part));
          offset += part.length;
        }
      }
      await window.add(file.set(changeOf(entry), 'fchmod'));
    });
  }

  /** Does one request after all that came before it, and replaces what has the name. */
  async #alone(
    path: Buffer,
    request: Parameters<FilesSession['request']>[0],
    syscall: string,
  ): Promise<void> {
    await this.#settle();
    await this.#replacing(path, () => this.#request(syscall, path, request), 'EEXIST');
  }

  /** Removes what has the name if it is in the way, and tries again. */
  async #replacing(path: Buffer, act: () => Promise<void>, code?: string): Promise<void> {
    try {
      await act();
    } catch (error) {
      const isReplaceable =
        GondolinError.is(error) && (REPLACEABLE.has(error.code) || error.code === code);
      if (!isReplaceable) throw error;
      await this.#request('unlink', path, { type: 'REMOVE', path, kind: 'FILE' });
      await act();
    }
  }
}

/** No set-user-ID program comes with an archive. */
function changeOf({ mode, mtimeSeconds }: TarEntry): FilesChange {
  const inRange = Math.max(-MAX_TIME_SECONDS, Math.min(mtimeSeconds, MAX_TIME_SECONDS));
  return { mode: mode & 0o777, mtimeNs: BigInt(inRange) * 1_000_000_000n };
}

/** @see GuestFileSystem.writeArchive */
export function archiveIn(
  session: FilesSession,
  archive: AsyncIterable<Uint8Array>,
  target: FilesPath,
  options: CopyOptions,
): Promise<CopySummary> {
  return new ArchiveIn(session, target, options).run(archive);
}
