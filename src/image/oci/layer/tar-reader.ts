import type { LayerEntry, LayerEntryType } from './layer-entry.ts';
import { entryRefused, layerRefused } from './layer-error.ts';
import { ID_MAX, LAYER_LIMITS } from './limits.ts';
import { type PaxRecords, readPaxRecords } from './pax-records.ts';
import { hasRightChecksum, readNumber } from './tar-number.ts';

const BLOCK = 512;
const MTIME_MAX = 2 ** 32 - 1;
/** As makedev(3) of Linux packs them. */
const MAJOR_MAX = 2 ** 12 - 1;
const MINOR_MAX = 2 ** 20 - 1;

const NO_ATTRIBUTES: ReadonlyMap<string, Buffer> = new Map();

const TYPES: Readonly<Record<string, LayerEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};
/** Entries about the next one: extended headers, and GNU's long names. */
const ABOUT_NEXT: ReadonlySet<string> = new Set(['x', 'g', 'L', 'K']);

/** Receives an archive as it is read. What these throw ends the reading. */
export interface TarHandler {
  /** @returns true if the content of the entry is wanted. */
  onEntry(entry: LayerEntry): boolean;
  /** A part of the content of the last entry, if it is wanted. Valid until it returns. */
  onContent(chunk: Buffer): void;
  /** The content is complete, also an empty one. Only where it is wanted. */
  onContentEnd(): void;
}

interface Pending {
  readonly pax: PaxRecords | null;
  readonly longName: string | null;
  readonly longLink: string | null;
}

const NOTHING_PENDING: Pending = { pax: null, longName: null, longLink: null };

/**
 * Reads a tar archive that arrives in pieces: ustar, pax and GNU's long names, as layers have them. Untrusted: every number
 * and length is checked before it is used, and nothing is kept but one header. A file with holes in GNU's form is refused.
 *
 * @see POSIX.1-2018 pax; OCI image-spec layer.md
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #header = Buffer.alloc(BLOCK);
  #headerLength = 0;
  /** Bytes of content, then of padding, that still belong to the last entry. */
  #contentLeft = 0;
  #paddingLeft = 0;
  #isWanted = false;
  /** Collects the body of an entry about the next one; null while there is none. */
  #body: { readonly type: string; readonly bytes: Buffer; length: number } | null = null;
  #pending = NOTHING_PENDING;
  #zeroBlocks = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** @throws {GondolinError} IMAGE_LAYER_INVALID. */
  write(chunk: Buffer): void {
    let offset = 0;
    // What follows the end mark is padding of whoever wrote the archive.
    while (offset < chunk.length && this.#zeroBlocks < 2) {
      const rest = chunk.subarray(offset);
      if (this.#contentLeft > 0) offset += this.#takeContent(rest);
      else if (this.#paddingLeft > 0) offset += this.#takePadding(rest);
      else offset += this.#takeHeader(rest);
    }
  }

  /** The input is complete. @throws {GondolinError} IMAGE_LAYER_INVALID when it ends within an entry. */
  end(): void {
    if (this.#zeroBlocks > 0) return;
    // umoci writes neither the padding of the last entry nor an end mark.
    const isWithin = this.#headerLength > 0 || this.#contentLeft > 0;
    if (isWithin || this.#pending !== NOTHING_PENDING) {
      throw layerRefused('the archive of a layer ends within an entry');
    }
  }

  #takeContent(rest: Buffer): number {
    const part = rest.subarray(0, this.#contentLeft);
    this.#contentLeft -= part.length;
    if (this.#body !== null) {
      part.copy(this.#body.bytes, this.#body.length);
      this.#body.length += part.length;
    } else if (this.#isWanted) {
      this.#handler.onContent(part);
    }
    if (this.#contentLeft === 0) this.#endContent();
    return part.length;
  }

  #takePadding(rest: Buffer): number {
    const length = Math.min(rest.length, this.#paddingLeft);
    this.#paddingLeft -= length;
    return length;
  }

  #takeHeader(rest: Buffer): number {
    const length = Math.min(rest.length, BLOCK - this.#headerLength);
    rest.copy(this.#header, this.#headerLength, 0, length);
    this.#headerLength += length;
    if (this.#headerLength < BLOCK) return length;
    this.#headerLength = 0;
    if (this.#header.every((byte) => byte === 0)) {
      if (this.#pending !== NOTHING_PENDING) {
        throw layerRefused('an extended header is not followed by an entry');
      }
      this.#zeroBlocks += 1;
      return length;
    }
    // One block of zeros ends an archive of old programs; entries after it are read by some programs only.
    if (this.#zeroBlocks > 0) throw layerRefused('an archive of a layer continues after its end');
    this.#startEntry();
    return length;
  }

  #startEntry(): void {
    const header = this.#header;
    if (!hasRightChecksum(header)) throw layerRefused('a header of a layer has a wrong checksum');
    const type = String.fromCharCode(header[156] ?? 0);
    if (ABOUT_NEXT.has(type)) this.#startBody(type);
    else this.#startOwn(type);
    this.#paddingLeft = (BLOCK - (this.#contentLeft % BLOCK)) % BLOCK;
    if (this.#contentLeft === 0) this.#endContent();
  }

  #startBody(type: string): void {
    const size = readNumber(this.#header, 124, 12);
    if (size === null || size < 0 || size > LAYER_LIMITS.extendedHeaderBytes) {
      throw layerRefused(`an extended header has a length of ${size ?? 'no number'}`);
    }
    this.#body = { type, bytes: Buffer.alloc(size), length: 0 };
    this.#contentLeft = size;
  }

  #startOwn(type: string): void {
    const entry = readEntry(this.#header, type, this.#pending);
    this.#pending = NOTHING_PENDING;
    this.#contentLeft = entry.size;
    this.#isWanted = this.#handler.onEntry(entry);
  }

  #endContent(): void {
    const body = this.#body;
    this.#body = null;
    if (body !== null) this.#endBody(body.type, body.bytes);
    else if (this.#isWanted) this.#handler.onContentEnd();
    if (body === null) this.#isWanted = false;
  }

  #endBody(type: string, bytes: Buffer): void {
    // A global header is about the whole archive: Go's reader, which made most layers, does not apply it either.
    if (type === 'g') return;
    if (type === 'x') this.#pending = { ...this.#pending, pax: readPaxRecords(bytes) };
    else if (type === 'L') this.#pending = { ...this.#pending, longName: untilNul(bytes) };
    else this.#pending = { ...this.#pending, longLink: untilNul(bytes) };
  }
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

function readEntry(header: Buffer, typeFlag: string, pending: Pending): LayerEntry {
  const { pax } = pending;
  const name = pax?.path ?? pending.longName ?? headerName(header);
  const type = readType(typeFlag, name, pax);
  const number = (what: string, given: number | null | undefined, offset: number, length: number) =>
    checkedNumber(name, what, given ?? readNumber(header, offset, length));
  const id = (what: string, given: number | null | undefined, offset: number) =>
    checkedRange(name, what, number(what, given, offset, 8), ID_MAX);
  const isDevice = type === 'character' || type === 'block';
  const device = (offset: number, max: number) =>
    isDevice ? checkedRange(name, 'device', number('device', null, offset, 8), max) : 0;
  const size = number('size', pax?.size, 124, 12);
  return {
    type,
    name,
    mode: number('mode', null, 100, 8) & 0o7777,
    uid: id('owner', pax?.uid, 108),
    gid: id('group', pax?.gid, 116),
    userName: pax?.userName ?? untilNul(header.subarray(265, 297)),
    groupName: pax?.groupName ?? untilNul(header.subarray(297, 329)),
    size: type === 'file' ? checkedRange(name, 'size', size, LAYER_LIMITS.layerBytes) : 0,
    mtime: toMtime(name, pax?.mtime ?? readNumber(header, 136, 12)),
    linkName: readLinkName(header, type, pending),
    major: device(329, MAJOR_MAX),
    minor: device(337, MINOR_MAX),
    attributes: pax?.attributes ?? NO_ATTRIBUTES,
  };
}

function readType(flag: string, name: string, pax: PaxRecords | null): LayerEntryType {
  if (pax?.isSparse === true || flag === 'S') {
    throw entryRefused(name, "is a file with holes in GNU's form, which is not supported");
  }
  const type = Object.hasOwn(TYPES, flag) ? TYPES[flag] : undefined;
  if (type === undefined) throw entryRefused(name, `has the unknown type "${shownType(flag)}"`);
  // Archives from before ustar mark a directory by its name only.
  return type === 'file' && name.endsWith('/') ? 'directory' : type;
}

function readLinkName(header: Buffer, type: LayerEntryType, { pax, longLink }: Pending): string {
  if (type !== 'link' && type !== 'symlink') return '';
  return pax?.linkPath ?? longLink ?? untilNul(header.subarray(157, 257));
}

function headerName(header: Buffer): string {
  const name = untilNul(header.subarray(0, 100));
  // GNU's headers have other fields where POSIX has the prefix.
  const isPosix = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? untilNul(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function checkedNumber(name: string, what: string, value: number | null): number {
  if (value === null) throw entryRefused(name, `has a malformed ${what}`);
  return value;
}

function checkedRange(name: string, what: string, value: number, max: number): number {
  if (value >= 0 && value <= max) return value;
  throw entryRefused(name, `has a ${what} of ${value}, want 0 to ${max}`);
}

function toMtime(name: string, value: number | null): number {
  const seconds = Math.floor(checkedNumber(name, 'time', value));
  return Math.min(Math.max(seconds, 0), MTIME_MAX);
}

function shownType(type: string): string {
  return /[\x21-\x7e]/.test(type) ? type : `\\x${type.charCodeAt(0).toString(16)}`;
}
