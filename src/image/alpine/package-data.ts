import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { decompressLayer } from '../oci/layer/decompress.ts';
import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { layerRefused } from '../oci/layer/layer-error.ts';
import { LAYER_LIMITS } from '../oci/layer/limits.ts';
import { type TarHandler, TarReader } from '../oci/layer/tar-reader.ts';
import { alpineError } from './alpine-error.ts';
import type { PackageFile } from './package-file.ts';

/** An entry of the data part, with the number that it has there. */
export interface DataEntry extends LayerEntry {
  readonly index: number;
  /** SHA-1 of the content of a file, or of the target of a symbolic link, in base64; empty for others. */
  readonly sha1: string;
}

const READ_BYTES = 256 * 1024;

/** Files whose content is wanted while a package is read, each of at most `maxBytes`. */
export interface WantedContent {
  readonly names: ReadonlySet<string>;
  readonly maxBytes: number;
}

/** The entries of a package, and what makes it a layer. */
export interface PackageData {
  readonly entries: readonly DataEntry[];
  /** Digest of the decompressed archive, `sha256:` and 64 hex digits. */
  readonly diffId: string;
  readonly contents: ReadonlyMap<string, Buffer>;
}

/** The archive of a package's files, as it is served. */
export function openPackageData({ path, dataStart }: PackageFile): Readable {
  return createReadStream(path, { start: dataStart, highWaterMark: READ_BYTES });
}

/**
 * Reads the data part from its first byte to its last, and checks its digest. Untrusted until it returns; the bounds of an
 * OCI layer hold.
 *
 * @throws {GondolinError} IMAGE_LAYER_INVALID naming the entry, IMAGE_REPOSITORY_INVALID.
 */
export async function readPackageData(
  file: PackageFile,
  wanted: WantedContent,
  signal: AbortSignal,
): Promise<PackageData> {
  const served = createHash('sha256');
  const plain = createHash('sha256');
  const collector = new EntryCollector(wanted);
  const reader = new TarReader(collector);
  const input = openPackageData(file);
  try {
    if (file.dataStart < file.sizeBytes) {
      for await (const chunk of decompressLayer(Readable.from(hashed(input, served)))) {
        signal.throwIfAborted();
        plain.update(chunk);
        reader.write(chunk);
      }
    }
  } finally {
    input.destroy();
  }
  reader.end();
  const digest = served.digest('hex');
  const { pkg, info } = file;
  if (digest !== info.dataDigest) {
    const where = `package ${pkg.name}-${pkg.version}`;
    throw alpineError(
      'IMAGE_REPOSITORY_INVALID',
      `${where} has files with the digest ${digest}, and says ${info.dataDigest}`,
    );
  }
  const { entries, contents } = collector;
  return { entries, contents, diffId: `sha256:${plain.digest('hex')}` };
}

async function* hashed(
  input: AsyncIterable<Buffer>,
  hash: { update(chunk: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of input) {
    hash.update(chunk);
    yield chunk;
  }
}

class EntryCollector implements TarHandler {
  readonly entries: DataEntry[] = [];
  readonly contents = new Map<string, Buffer>();
  readonly #wanted: WantedContent;
  #current: LayerEntry | null = null;
  #hash = createHash('sha1');
  #kept: Buffer[] | null = null;

  constructor(wanted: WantedContent) {
    this.#wanted = wanted;
  }

  onEntry(entry: LayerEntry): boolean {
    if (entry.type !== 'file') {
      const isSymlink = entry.type === 'symlink';
      this.#add(entry, isSymlink ? sha1(Buffer.from(entry.linkName, 'latin1')) : '');
      return false;
    }
    this.#current = entry;
    this.#hash = createHash('sha1');
    const { names, maxBytes } = this.#wanted;
    this.#kept = names.has(entry.name) && entry.size <= maxBytes ? [] : null;
    return true;
  }

  onContent(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#kept?.push(Buffer.from(chunk));
  }

  onContentEnd(): void {
    if (this.#current === null) return;
    if (this.#kept !== null) this.contents.set(this.#current.name, Buffer.concat(this.#kept));
    this.#add(this.#current, this.#hash.digest('base64'));
    this.#current = null;
  }

  #add(entry: LayerEntry, hash: string): void {
    if (this.entries.length >= LAYER_LIMITS.nodes) {
      throw layerRefused(`a package has more than ${LAYER_LIMITS.nodes} files`);
    }
    this.entries.push({ ...entry, index: this.entries.length, sha1: hash });
  }
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('base64');
}
