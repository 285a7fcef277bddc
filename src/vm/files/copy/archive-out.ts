import { pathText } from '../../../agent/files/file-error.ts';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { FILES_OPEN } from '../../../protocol/constants.ts';
import { type FileAttributes, readAttributes } from '../../../protocol/files/file-attributes.ts';
import type { FilesPath } from '../../../protocol/files/files-request.ts';
import { encodeTarHeader, TAR_END } from '../../../util/tar/encode-tar-header.ts';
import { type TarHeader, type TarKind, tarPaddingBytes } from '../../../util/tar/tar-entry.ts';
import { decodePath, decodeXattrs, type ListedPage, type PageEntry } from '../decode.ts';
import { readPages } from '../directory.ts';
import type { FilesSession } from '../files-session.ts';
import { fileType } from '../guest-stats.ts';
import { OpenGuestFile } from '../open-file.ts';
import { readRange } from '../read.ts';
import { CopyCount, type CopyOptions } from './copy-options.ts';
import { LinkNames } from './link-names.ts';
import { WaitingMemory } from './waiting-memory.ts';

/** Files that are opened, and whose beginnings are read, before their turn in the archive has come. */
const LOOKAHEAD = 32;
const SLASH = Buffer.from('/');
const NOTHING = Buffer.alloc(0);

/** One thing of the guest. Its attributes and path are the guest's word. */
interface Found {
  readonly path: FilesPath;
  /** In the archive. */
  readonly name: Buffer;
  readonly attributes: FileAttributes;
  readonly isTop: boolean;
}

/** Directories on the way to the present entry of which a part is listed, and the rest later. */
const MAX_OPEN_LISTINGS = 32;

/** A directory on the way to the present entry. */
interface Level {
  readonly directory: Found;
  readonly pages: AsyncGenerator<ListedPage, void>;
  /** Entries that wait, the next one last. */
  waiting: PageEntry[];
  isListed: boolean;
}

/** The next thing of the archive, with requests for it that are on their way. */
interface Ahead {
  readonly found: Found;
  readonly opened: Promise<Opened> | null;
  readonly xattrs: Promise<ReadonlyMap<string, Buffer>>;
}

type FoundWhole = Found & Required<ArchiveEntry>;

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

/** A file that is being opened. */
interface Opened {
  readonly file: OpenGuestFile;
  readonly content: AsyncGenerator<Buffer, void>;
  readonly first: Promise<IteratorResult<Buffer, void>>;
}

/** An entry of an archive; its name is in the archive. */
export type ArchiveEntry = Pick<Found, 'name' | 'attributes'> & {
  /** Extended attributes of a file or directory, where the form wants them. */
  readonly xattrs?: ReadonlyMap<string, Buffer>;
};

/** The form of an archive: its entries, and how they are written. */
export interface ArchiveForm {
  /** Asks for the extended attributes of each file and directory. */
  readonly wantsXattrs: boolean;
  /** `alone`: a directory without what is in it. */
  choose(entry: ArchiveEntry): 'all' | 'alone' | 'nothing';
  choosesLink(entry: ArchiveEntry, target: Buffer): boolean;
  header(
    entry: ArchiveEntry,
    kind: Exclude<TarKind, 'other'>,
    facts?: Partial<Pick<TarHeader, 'size' | 'linkName'>>,
  ): Buffer;
  /** Null for one that is skipped: a device, a pipe, a socket. */
  special(entry: ArchiveEntry): Buffer | null;
}

/** Archives for whoever extracts them: root owns everything, and nothing has set-user-ID. */
const COPY_FORM: ArchiveForm = {
  wantsXattrs: false,
  choose: () => 'all',
  choosesLink: () => true,
  header: copyHeader,
  special: () => null,
};

/** Writes a file or tree of the guest as a tar archive, its entries one after the other. */
class ArchiveOut {
  readonly #session: FilesSession;
  readonly #signal: AbortSignal | undefined;
  readonly #count: CopyCount;
  readonly #links = new LinkNames<Buffer>();
  readonly #memory = new WaitingMemory();
  readonly #levels: Level[] = [];
  readonly #form: ArchiveForm;

  constructor(session: FilesSession, options: CopyOptions, form: ArchiveForm) {
    this.#session = session;
    this.#form = form;
    this.#signal = options.signal;
    this.#count = new CopyCount(options);
  }

  async *run(path: FilesPath): AsyncGenerator<Buffer, void> {
    const attributes = await this.#session.request(
      { type: 'STAT', target: { path, follow: true } },
      { action: { syscall: 'stat', path }, decode: readAttributes, signal: this.#signal },
    );
    const top: Found = { path, name: baseName(path), attributes, isTop: true };
    const ahead: Ahead[] = [];
    const found = this.#walk(top);
    try {
      for (;;) {
        while (ahead.length < LOOKAHEAD) {
          const next = await found.next();
          if (next.done === true) break;
          const xattrs = this.#readXattrs(next.value);
          ahead.push({ found: next.value, opened: this.#openAhead(next.value), xattrs });
        }
        const entry = ahead.shift();
        if (entry === undefined) break;
        yield* this.#entry({ ...entry.found, xattrs: await entry.xattrs }, entry.opened);
      }
      yield TAR_END;
    } finally {
      for (const { opened } of ahead) void opened?.then(({ file }) => file.discard(), ignore);
      for (const { pages } of this.#levels) void pages.return();
    }
  }

  /** Yields what is there, a directory before what is in it. Of each directory on the way one page is in memory. */
  async *#walk(top: Found): AsyncGenerator<Found, void> {
    if (this.#form.choose(top) === 'nothing') return;
    yield top;
    this.#enter(top);
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      const entry = level.waiting.pop();
      if (entry === undefined) {
        if (level.isListed) this.#leave(level);
        else await this.#list(level);
        continue;
      }
      this.#memory.give(entry.name.length);
      const found = below(level.directory, entry);
      const choice = found === null ? 'nothing' : this.#form.choose(found);
      if (found === null || choice === 'nothing') continue;
      yield found;
      if (choice === 'all') this.#enter(found);
    }
  }

  #enter(directory: Found): void {
    if (fileType(directory.attributes.mode) !== 'directory') return;
    const { path, isTop } = directory;
    this.#memory.take(2 * path.length);
    const request = { path, attributes: true, nofollow: !isTop, signal: this.#signal };
    const pages = readPages(this.#session, request);
    this.#levels.push({ directory, pages, waiting: [], isListed: false });
  }

  #leave({ directory }: Level): void {
    this.#memory.give(2 * directory.path.length);
    this.#levels.pop();
  }

  /** Lists the next page of a directory, or all of it when too many are open. */
  async #list(level: Level): Promise<void> {
    const open = this.#levels.filter(({ isListed }) => !isListed).length;
    do {
      const { value: page } = await level.pages.next();
      const entries = page?.entries ?? [];
      level.isListed = page?.isLast ?? true;
      this.#count.addListed(entries.length);
      for (const { name } of entries) this.#memory.take(name.length);
      level.waiting = [...entries.toReversed(), ...level.waiting];
    } while (!level.isListed && open > MAX_OPEN_LISTINGS);
    if (level.isListed) void level.pages.return();
  }

  #openAhead({ path, attributes, isTop }: Found): Promise<Opened> | null {
    if (fileType(attributes.mode) !== 'file') return null;
    const bits = FILES_OPEN.READ | (isTop ? 0 : FILES_OPEN.NOFOLLOW);
    const request = { path, bits, mode: 0, signal: this.#signal };
    const opened = OpenGuestFile.start(this.#session, request).then((file) => {
      const content = readRange(file, { firstBytes: attributes.size + 1 });
      const first = content.next();
      first.catch(ignore);
      return { file, content, first };
    });
    opened.catch(ignore);
    return opened;
  }

  #readXattrs({ path, attributes }: Found): Promise<ReadonlyMap<string, Buffer>> {
    const type = fileType(attributes.mode);
    // Those of links and devices are about the kernel's own business.
    const isRead = this.#form.wantsXattrs && (type === 'file' || type === 'directory');
    if (!isRead) return Promise.resolve(NO_XATTRS);
    const action = { syscall: 'listxattr', path };
    const options = { action, decode: decodeXattrs, signal: this.#signal };
    const read = this.#session.request({ type: 'XATTRS', path }, options);
    read.catch(ignore);
    return read;
  }

  async *#entry(found: FoundWhole, opened: Promise<Opened> | null): AsyncGenerator<Buffer, void> {
    switch (fileType(found.attributes.mode)) {
      case 'file':
        if (opened !== null) yield* this.#file(found, await opened);
        return;
      case 'directory':
        this.#count.add('directories');
        yield this.#form.header(
          { ...found, name: Buffer.concat([found.name, SLASH]) },
          'directory',
        );
        return;
      case 'symlink': {
        const linkName = await this.#readLink(found.path);
        if (!this.#form.choosesLink(found, linkName)) return;
        this.#count.add('links');
        yield this.#form.header(found, 'symlink', { linkName });
        return;
      }
      case 'block-device':
      case 'character-device':
      case 'fifo':
      case 'socket':
      case 'unknown': {
        const special = this.#form.special(found);
        if (special === null) this.#count.add('skipped');
        else yield special;
      }
    }
  }

  #readLink(path: FilesPath): Promise<Buffer> {
    const options = {
      action: { syscall: 'readlink', path },
      decode: decodePath,
      signal: this.#signal,
    };
    return this.#session.request({ type: 'READLINK', path }, options);
  }

  async *#file(found: FoundWhole, { file, content, first }: Opened): AsyncGenerator<Buffer, void> {
    this.#count.add('files');
    try {
      const attributes = await file.opened;
      const { name, xattrs } = found;
      const linkName = this.#links.earlier(attributes, name.length, () => name);
      if (linkName !== null) {
        yield this.#form.header({ name, attributes }, 'hard-link', { linkName });
        return;
      }
      const { size } = attributes;
      this.#count.addBytes(size);
      yield this.#form.header({ name, attributes, xattrs }, 'file', { size });
      let left = size;
      for (let next = await first; next.done !== true && left > 0; next = await content.next()) {
        const part = next.value.subarray(0, left);
        left -= part.length;
        yield part;
      }
      if (left > 0) throw hasShrunk(found.path, size - left, size);
      yield Buffer.alloc(tarPaddingBytes(size));
    } finally {
      void file.discard();
    }
  }
}

function ignore(): void {}

function below(directory: Found, { name, attributes }: PageEntry): Found | null {
  if (attributes === null) return null;
  return {
    path: Buffer.concat([Buffer.from(directory.path), SLASH, name]),
    name: Buffer.concat([directory.name, SLASH, name]),
    attributes,
    isTop: false,
  };
}

/** Returns the name that a copy of the path has; `.` for a root or a path that ends with dots. */
function baseName(path: FilesPath): Buffer {
  const parts = Buffer.from(path).toString('latin1').split('/');
  const last = parts.findLast((part) => part !== '' && part !== '.') ?? '.';
  return Buffer.from(last === '..' ? '.' : last, 'latin1');
}

function copyHeader(
  { name, attributes }: ArchiveEntry,
  kind: Exclude<TarKind, 'other'>,
  facts: Partial<Pick<TarHeader, 'size' | 'linkName'>> = {},
): Buffer {
  const mtimeSeconds = Number(attributes.mtimeNs / 1_000_000_000n);
  // No set-user-ID program of a guest becomes one of whoever extracts the archive.
  const mode = attributes.mode & 0o777;
  return encodeTarHeader({ name, kind, mode, mtimeSeconds, size: 0, linkName: NOTHING, ...facts });
}

function hasShrunk(path: FilesPath, got: number, expected: number): GondolinError {
  const where = pathText(path);
  const message = `${where}: shrank while it was copied: ${got} of ${expected} bytes were there`;
  return new GondolinError('FILES_CHANGED', message, { details: { path: where } });
}

/** @see GuestFileSystem.readArchive */
export function archiveOut(
  session: FilesSession,
  path: FilesPath,
  options: CopyOptions,
  form: ArchiveForm = COPY_FORM,
): AsyncGenerator<Buffer, void> {
  return new ArchiveOut(session, options, form).run(path);
}
