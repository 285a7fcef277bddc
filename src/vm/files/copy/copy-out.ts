import { closeSync, constants, fchmodSync, promises } from 'node:fs';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import {
  descriptorPath,
  linkDescriptorAt,
  makeDirectoryAt,
  openAt,
  SystemError,
  setTimes,
  symlinkAt,
  unlinkAt,
} from '../../../host/libc.ts';
import { FILES_OPEN } from '../../../protocol/constants.ts';
import { ERRNO } from '../../../protocol/errno.ts';
import { type FileAttributes, readAttributes } from '../../../protocol/files/file-attributes.ts';
import type { FilesPath } from '../../../protocol/files/files-request.ts';
import { O_CLOEXEC, O_PATH } from '../../../vfs/file-mode.ts';
import { decodePath, type ListedPage, type PageEntry } from '../decode.ts';
import { readPages } from '../directory.ts';
import type { FilesSession } from '../files-session.ts';
import { fileType } from '../guest-stats.ts';
import { OpenGuestFile } from '../open-file.ts';
import { readRange } from '../read.ts';
import { CopyCount, type CopyOptions, type CopySummary } from './copy-options.ts';
import { HostPlace } from './host-place.ts';
import { runJobs } from './job-queue.ts';
import { LinkNames } from './link-names.ts';
import { WaitingMemory } from './waiting-memory.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** Directories of which a part is listed, and the rest later. A files process has 1,024 open files for all of us. */
const MAX_OPEN_LISTINGS = 32;

/** One thing of the guest to copy. The attributes and the names below the top are its word. */
interface Job {
  readonly attributes: FileAttributes;
  readonly place: HostPlace;
}

/** A directory to list further, once what is known of it has been copied. */
interface Listing {
  readonly place: HostPlace;
  readonly pages: AsyncGenerator<ListedPage, void>;
}

type Add = (work: Job | Listing) => void;

/** The first copy of a file that has several names in the guest. */
interface FirstCopy {
  readonly place: HostPlace;
  readonly made: Promise<void>;
}

/** Replaces what has the name, unless that is a directory: writes go to no file that existed. */
async function makeNew<T>(directory: number, name: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const isThere = error instanceof SystemError && error.errno === ERRNO.EEXIST;
    if (!isThere && (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    unlinkAt(directory, name);
    return make();
  }
}

/** Makes a file in a thread, because that can take a millisecond. The descriptor is that of a directory, so one name follows. */
function makeFile(directory: number, name: string): Promise<promises.FileHandle> {
  const path = Buffer.from(`${descriptorPath(directory)}/${name}`, 'latin1');
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  return makeNew(directory, name, () => promises.open(path, flags, 0o600));
}

/** Copies a file or tree of the guest to the host, and returns what it copied. The host owns what it makes. */
class CopyOut {
  readonly #session: FilesSession;
  readonly #signal: AbortSignal | undefined;
  readonly #count: CopyCount;
  /** Directories whose mode and time are set last, when nothing is made in them any more. */
  readonly #directories: (Pick<FileAttributes, 'mode' | 'mtimeNs'> & Pick<Job, 'place'>)[] = [];
  readonly #memory = new WaitingMemory();
  readonly #listings = new Set<Listing>();
  readonly #links = new LinkNames<FirstCopy>();
  readonly #symlinks: 'copy' | 'skip';

  /** The top, in the guest and here. */
  readonly #path: Buffer;
  readonly #place: HostPlace;

  constructor(
    session: FilesSession,
    [path, place]: readonly [FilesPath, HostPlace],
    options: CopyOptions,
    symlinks: 'copy' | 'skip' = 'copy',
  ) {
    this.#path = Buffer.from(path);
    this.#place = place;
    this.#symlinks = symlinks;
    this.#session = session;
    this.#signal = options.signal;
    this.#count = new CopyCount(options);
  }

  async run(): Promise<CopySummary> {
    const [path, place] = [this.#path, this.#place];
    const action = { syscall: 'stat', path };
    const attributes = await this.#session.request(
      { type: 'STAT', target: { path, follow: place.isTop } },
      { action, decode: readAttributes, signal: this.#signal },
    );
    try {
      await runJobs<Job | Listing>({ attributes, place }, (work, add) => this.#work(work, add));
    } finally {
      for (const { pages } of this.#listings) void pages.return();
    }
    for (const directory of this.#directories.reverse()) {
      await directory.place.inside((fd) => finish(fd, directory));
    }
    return this.#count.summary;
  }

  #work(work: Job | Listing, add: Add): Promise<void> {
    if ('pages' in work) return this.#list(work, add);
    if (work.place !== this.#place) this.#memory.give(work.place.name.length);
    return this.#copy(work, add);
  }

  /** The path in the guest: bytes, because a name may be any. */
  #pathOf(place: HostPlace): Buffer {
    const below = place.namesBelow(this.#place).map((name) => `/${name}`);
    return Buffer.concat([this.#path, Buffer.from(below.join(''), 'latin1')]);
  }

  async #copy(job: Job, add: Add): Promise<void> {
    switch (fileType(job.attributes.mode)) {
      case 'file':
        return this.#copyFile(job);
      case 'directory':
        return this.#copyDirectory(job, add);
      case 'symlink':
        if (this.#symlinks === 'copy') return this.#copyLink(job);
        this.#count.add('skipped');
        return;
      case 'block-device':
      case 'character-device':
      case 'fifo':
      case 'socket':
      case 'unknown':
        this.#count.add('skipped');
    }
  }

  async #copyDirectory({ place, attributes }: Job, add: Add): Promise<void> {
    this.#count.add('directories');
    this.#memory.take(place.name.length);
    await place.inParent((directory, name) => {
      try {
        makeDirectoryAt(directory, name, 0o700);
      } catch (error) {
        if (!(error instanceof SystemError) || error.errno !== ERRNO.EEXIST) throw error;
      }
    });
    const { mode, mtimeNs } = attributes;
    this.#directories.push({ place, mode, mtimeNs });
    const path = this.#pathOf(place);
    const request = { path, attributes: true, nofollow: !place.isTop, signal: this.#signal };
    const listing = { place, pages: readPages(this.#session, request) };
    this.#listings.add(listing);
    await this.#list(listing, add);
  }

  /** Lists a page of a directory. The next one waits until what is in this one is on its way, so that little of a tree is in memory. */
  async #list(listing: Listing, add: Add): Promise<void> {
    for (;;) {
      const { value: page } = await listing.pages.next();
      const isLast = page?.isLast ?? true;
      if (isLast) {
        this.#listings.delete(listing);
        void listing.pages.return();
      }
      const isPut = !isLast && this.#listings.size <= MAX_OPEN_LISTINGS;
      // The newest work is done first.
      if (isPut) add(listing);
      this.#addEntries(listing.place, page?.entries ?? [], add);
      if (isLast || isPut) return;
    }
  }

  #addEntries(place: HostPlace, entries: readonly PageEntry[], add: Add): void {
    this.#count.addListed(entries.length);
    for (const { name, attributes } of entries) {
      if (attributes === null) continue;
      this.#memory.take(name.length);
      add({ attributes, place: place.below(name) });
    }
  }

  async #copyLink({ place }: Job): Promise<void> {
    this.#count.add('links');
    const path = this.#pathOf(place);
    const action = { syscall: 'readlink', path };
    const request = { type: 'READLINK', path } as const;
    const options = { action, decode: decodePath, signal: this.#signal };
    const target = (await this.#session.request(request, options)).toString('latin1');
    await place.inParent((directory, name) =>
      makeNew(directory, name, async () => symlinkAt(target, directory, name)),
    );
  }

  async #copyFile(job: Job): Promise<void> {
    this.#count.add('files');
    let own: Promise<void> | undefined;
    const first = this.#links.earlier(job.attributes, job.place.name.length, () => {
      own = this.#copyContent(job);
      return { place: job.place, made: own };
    });
    if (first === null) await (own ?? this.#copyContent(job));
    else await this.#linked(job, first);
  }

  /** Makes a second name of a copy, or copies again where the host's file system has no hard links. */
  async #linked(job: Job, first: FirstCopy): Promise<void> {
    await first.made;
    const isLinked = await first.place.inParent((from, existing) => {
      const fd = openAt(from, existing, O_PATH | O_NOFOLLOW | O_CLOEXEC);
      return job.place
        .inParent((to, name) => makeNew(to, name, async () => linkDescriptorAt(fd, to, name)))
        .then(() => true)
        .catch(notLinkable)
        .finally(() => closeSync(fd));
    });
    if (!isLinked) await this.#copyContent(job);
  }

  async #copyContent({ place, attributes: listed }: Job): Promise<void> {
    const path = this.#pathOf(place);
    const bits = FILES_OPEN.READ | (place.isTop ? 0 : FILES_OPEN.NOFOLLOW);
    const file = await OpenGuestFile.start(this.#session, {
      ...{ path, bits, mode: 0 },
      signal: this.#signal,
    });
    try {
      const content = readRange(file, { firstBytes: listed.size + 1 });
      const first = content.next();
      first.catch(() => undefined);
      const attributes = await file.opened;
      await place.inParent(async (directory, name) => {
        const made = await makeFile(directory, name);
        try {
          for (let next = await first; next.done !== true; next = await content.next()) {
            this.#count.addBytes(next.value.length);
            await made.writeFile(next.value);
          }
          finish(made.fd, attributes);
        } finally {
          await made.close();
        }
      });
    } finally {
      // Its reply changes nothing: the next file need not wait for it.
      void file.discard();
    }
  }
}

const UNLINKABLE: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP']);

/** Returns false for the error of a file system without hard links; throws any other. */
function notLinkable(error: unknown): false {
  const errno = GondolinError.is(error) ? error.details?.['errno'] : undefined;
  if (!UNLINKABLE.has(errno)) throw error;
  return false;
}

/** No set-user-ID program of a guest becomes one of the host. */
function finish(fd: number, { mode, mtimeNs }: Pick<FileAttributes, 'mode' | 'mtimeNs'>): void {
  fchmodSync(fd, mode & 0o777);
  setTimes(fd, null, mtimeNs);
}

/** @see GuestFileSystem.copyOut */
export async function copyOut(
  session: FilesSession,
  path: FilesPath,
  hostPath: string,
  options: CopyOptions,
): Promise<CopySummary> {
  const place = HostPlace.open(hostPath, { follow: false });
  try {
    return await new CopyOut(session, [path, place], options).run();
  } finally {
    place.close();
  }
}

/** The same to a place below another, where symbolic links of the guest are skipped and none is followed. */
export function copyOutTo(
  session: FilesSession,
  path: FilesPath,
  place: HostPlace,
  options: CopyOptions,
): Promise<CopySummary> {
  return new CopyOut(session, [path, place], options, 'skip').run();
}
