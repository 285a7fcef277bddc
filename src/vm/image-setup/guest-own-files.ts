import { posix } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { namesInImage } from '../../image/setup/names-in-image.ts';
import { guestTrustFiles } from '../../net/tls/guest-trust.ts';
import { TRUST_DIRECTORY, TRUST_NAMES } from '../../net/tls/guest-trust-env.ts';
import type { GuestFileSystem } from '../files/guest-file-system.ts';
import { rootFile } from './root-archive.ts';

/** A file of the guest that has something of this guest or this machine in it. */
interface OwnFile {
  readonly path: string;
  /** Returns the content that an image has; null for a file that it does not have. */
  readonly clean: (content: Buffer) => Buffer | null;
}

/** The part of a guest's root that an image has in another form, or not at all. */
export interface CleanedRoot {
  /** Names in an archive of the root (`./etc/hosts`) that are not to be taken from the guest. */
  readonly names: ReadonlySet<string>;
  /** Entries of an archive in their place. */
  readonly entries: readonly Buffer[];
}

/** A bundle of certificates has some hundred KiB. */
const MAX_BYTES = 16 * 2 ** 20;
const EMPTY = Buffer.alloc(0);

/** The line that the guest's agent adds, with the name of the guest. */
const HOST_LINE = /^127\.0\.1\.1\tgondolin\n/gm;

/** Where the agent makes a link to our trust store for JVMs to come. */
const JAVA_STORE_LINK = '/etc/ssl/certs/java/cacerts';

const IDENTITY: readonly OwnFile[] = [
  {
    path: '/etc/hosts',
    clean: (content) => Buffer.from(content.toString('latin1').replace(HOST_LINE, ''), 'latin1'),
  },
  { path: '/etc/machine-id', clean: () => EMPTY },
  { path: '/etc/resolv.conf', clean: () => EMPTY },
];

/**
 * The parts of a guest's root that belong to this guest or this machine: an image must not have them, because it may be used
 * elsewhere, and whoever has the key of the authority could read its connections.
 */
export class GuestOwnFiles {
  readonly #files: readonly OwnFile[];
  readonly #rootfsPath: string;

  private constructor(files: readonly OwnFile[], rootfsPath: string) {
    this.#files = files;
    this.#rootfsPath = rootfsPath;
  }

  /**
   * Looks at a guest before anything was run in it.
   * @param rootfsPath  The root file system that it booted.
   */
  static async of(
    fs: GuestFileSystem,
    rootfsPath: string,
    signal: AbortSignal,
  ): Promise<GuestOwnFiles> {
    const ca = await read(fs, `${TRUST_DIRECTORY}/${TRUST_NAMES.ca}`, signal);
    if (ca === null) return new GuestOwnFiles(IDENTITY, rootfsPath);
    const [certificatePem = ''] = PEM.exec(ca.toString('latin1')) ?? [];
    const trust = guestTrustFiles({ certificatePem }).map(({ path, append, keep }): OwnFile => {
      if (append === true)
        return { path, clean: (content) => withoutText(content, certificatePem) };
      const clean = (content: Buffer) =>
        keep === true && !content.includes(`${TRUST_DIRECTORY}/`) ? content : null;
      return { path, clean };
    });
    return new GuestOwnFiles([...IDENTITY, ...trust], rootfsPath);
  }

  /** True for a link to one of these files: `update-ca-certificates` and the start of a guest make some. */
  isForeignLink(target: string): boolean {
    const last = target.slice(target.lastIndexOf('/') + 1);
    return (
      target.startsWith(`${TRUST_DIRECTORY}/`) || last === 'gondolin.crt' || last === 'gondolin.pem'
    );
  }

  /** Reads these files as the guest has them now. */
  async cleaned(fs: GuestFileSystem, signal: AbortSignal): Promise<CleanedRoot> {
    const entries: Buffer[] = [];
    const gone = new Set([TRUST_DIRECTORY, JAVA_STORE_LINK]);
    for (const { path, clean } of this.#files) {
      const content = await read(fs, path, signal);
      const cleaned = content === null ? null : clean(content);
      if (cleaned === null) gone.add(path);
      else entries.push(rootFile(nameOf(path), cleaned, 0o644));
    }
    if (!(await this.#isOurJavaStore(fs, signal))) gone.delete(JAVA_STORE_LINK);
    let inBase: ReadonlySet<string> | undefined;
    for (const path of parentsOf(gone)) {
      if (!(await hasOnly(fs, path, gone, signal))) continue;
      inBase ??= await namesInImage(this.#rootfsPath, parentsOf(gone), signal);
      if (!inBase.has(path)) gone.add(path);
    }
    const paths = [...this.#files.map(({ path }) => path), ...gone];
    return { names: new Set(paths.map(nameOf)), entries };
  }

  async #isOurJavaStore(fs: GuestFileSystem, signal: AbortSignal): Promise<boolean> {
    const target = await unlessMissing(fs.readlink(JAVA_STORE_LINK, { signal }));
    return target !== null && this.isForeignLink(target);
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

function nameOf(path: string): string {
  return `.${path}`;
}

/** Returns the text without a part of it; null if nothing else is there. */
function withoutText(content: Buffer, part: string): Buffer | null {
  const text = content.toString('latin1').replaceAll(`\n${part}\n`, '').replaceAll(`${part}\n`, '');
  return text.trim() === '' ? null : Buffer.from(text, 'latin1');
}

/** Directories that were made for the files, or had been there: the deepest first. */
function parentsOf(paths: ReadonlySet<string>): string[] {
  const parents = new Set<string>();
  for (const path of paths) {
    for (let up = posix.dirname(path); up !== '/'; up = posix.dirname(up)) parents.add(up);
  }
  return [...parents].toSorted((a, b) => b.length - a.length);
}

async function hasOnly(
  fs: GuestFileSystem,
  directory: string,
  gone: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<boolean> {
  const names = await unlessMissing(fs.readdir(directory, { signal }));
  // One that is empty was not made for our files.
  return (
    names !== null && names.length > 0 && names.every((name) => gone.has(`${directory}/${name}`))
  );
}

function read(fs: GuestFileSystem, path: string, signal: AbortSignal): Promise<Buffer | null> {
  return unlessMissing(fs.readFile(path, { maxBytes: MAX_BYTES, signal }));
}

const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EINVAL']);

/** Null where the guest has no such file, or something else in its place. */
async function unlessMissing<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (GondolinError.is(error) && MISSING.has(error.code)) return null;
    throw error;
  }
}
