import { MAX_FILES_DATA_BYTES, MAX_FILES_NAME_BYTES } from '../../protocol/constants.ts';
import type { FieldReader } from '../../protocol/field-reader.ts';
import { type FileAttributes, readAttributes } from '../../protocol/files/file-attributes.ts';

/** One entry of a page of `LIST`. */
export interface PageEntry {
  /** Checked: not empty, no `/` or NUL, neither `.` nor `..`. */
  readonly name: Buffer;
  /** Type bits of the mode; 0 if the guest's file system does not say. */
  readonly mode: number;
  readonly attributes: FileAttributes | null;
}

export interface ListedPage {
  readonly isLast: boolean;
  readonly entries: readonly PageEntry[];
}

/** Reads the body of a reply that has none. */
export function decodeNothing(): void {}

/** Reads a page of `LIST`. @throws {GondolinError} GUEST_PROTOCOL for a name that no directory can hold. */
export function decodePage(hasAttributes: boolean): (body: FieldReader) => ListedPage {
  return (body) => {
    const isLast = body.u8() === 1;
    const entries: PageEntry[] = [];
    while (body.left > 0) {
      const mode = body.u32();
      // A copy: a view would keep the whole page in memory.
      const name = Buffer.from(body.bytes(MAX_FILES_NAME_BYTES));
      if (!isName(name)) throw body.broken('the name of a directory entry');
      entries.push({ mode, name, attributes: hasAttributes ? readAttributes(body) : null });
    }
    return { isLast, entries };
  };
}

const SLASH = 0x2f;
const DOT = 0x2e;

function isName(name: Buffer): boolean {
  const isDots = name.length <= 2 && name.every((byte) => byte === DOT);
  return !isDots && !name.includes(SLASH) && !name.includes(0);
}

/** Reads the data of `READ`. @throws {GondolinError} GUEST_PROTOCOL for more than was asked for. */
export function decodeData(length: number): (body: FieldReader) => Buffer {
  return (body) => {
    if (body.left > length) throw body.broken('no more data than asked for', length, body.left);
    return body.rest();
  };
}

/** Reads extended attributes: `XATTRS`. Values are copies; names are bytes of the guest, as latin1. */
export function decodeXattrs(body: FieldReader): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  while (body.left > 0) {
    const name = body.bytes(MAX_FILES_NAME_BYTES).toString('latin1');
    // The name ends at this sign where an archive has it.
    if (name === '' || /[=\0]/.test(name)) throw body.broken('the name of an extended attribute');
    found.set(name, Buffer.from(body.bytes(MAX_FILES_DATA_BYTES)));
  }
  return found;
}

/** Reads a path: `READLINK`, `REALPATH`. */
export function decodePath(body: FieldReader): Buffer {
  const path = Buffer.from(body.bytes(MAX_FILES_DATA_BYTES));
  if (path.includes(0)) throw body.broken('a path without NUL');
  return path;
}

/**
 * Size and free space of a file system of the guest, as in `fs.StatFs`; in units of `bsize` bytes.
 *
 * @example
 * const space: GuestSpace = await vm.fs.statfs('/');
 * console.log(space.bavail * space.bsize > 0n);
 */
export interface GuestSpace {
  readonly bsize: bigint;
  readonly blocks: bigint;
  readonly bfree: bigint;
  readonly bavail: bigint;
  readonly files: bigint;
  readonly ffree: bigint;
  readonly namemax: number;
  /** Bits of `statvfs(3)`: 1 is read-only. */
  readonly flags: number;
}

/** Reads the body of `STATVFS`. */
export function decodeSpace(body: FieldReader): GuestSpace {
  return {
    bsize: body.u64(),
    blocks: body.u64(),
    bfree: body.u64(),
    bavail: body.u64(),
    files: body.u64(),
    ffree: body.u64(),
    namemax: body.u32(),
    flags: body.u32(),
  };
}
