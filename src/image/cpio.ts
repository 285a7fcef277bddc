/**
 * Writer of cpio archives in the "newc" form, as the kernel reads an initramfs.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst.
 * Everything is root's, with mtime 0: equal members give equal bytes.
 */

export type CpioMember =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly data: Uint8Array;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'character';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const NAME_MAX_BYTES = 4096;
const FILE_MAX_BYTES = 0xffff_ffff;
const EMPTY = new Uint8Array(0);

interface Header {
  readonly mode: number;
  readonly links: number;
  readonly sizeBytes: number;
  readonly major: number;
  readonly minor: number;
}

/**
 * Encodes members without the end mark, so that two results can be concatenated.
 *
 * @throws {RangeError} when a path is absolute, empty, holds NUL or is too long, or a number does not fit.
 */
export function encodeCpioMembers(members: readonly CpioMember[]): Buffer {
  return Buffer.concat(members.flatMap(encodeMember));
}

/** Encodes the end mark, which comes once and last. */
export function encodeCpioTrailer(): Buffer {
  const header = { mode: 0, links: 1, sizeBytes: 0, major: 0, minor: 0 };
  return Buffer.concat(encodeRecord('TRAILER!!!', header, EMPTY));
}

/** Encodes a whole archive: members in the given order, and the end mark. Throws as `encodeCpioMembers`. */
export function encodeCpio(members: readonly CpioMember[]): Buffer {
  return Buffer.concat([encodeCpioMembers(members), encodeCpioTrailer()]);
}

function encodeMember(member: CpioMember): Buffer[] {
  checkPath(member.path);
  if (!Number.isInteger(member.mode) || member.mode < 0 || member.mode > 0o7777) {
    throw new RangeError(`mode of cpio member '${member.path}' is outside 0..07777`);
  }
  const data = member.kind === 'file' ? member.data : EMPTY;
  if (data.length > FILE_MAX_BYTES) {
    throw new RangeError(`cpio member '${member.path}' is larger than ${FILE_MAX_BYTES} bytes`);
  }
  const type = { file: S_IFREG, directory: S_IFDIR, character: S_IFCHR }[member.kind];
  const device = member.kind === 'character' ? member : { major: 0, minor: 0 };
  const header = {
    mode: type | member.mode,
    links: member.kind === 'directory' ? 2 : 1,
    sizeBytes: data.length,
    major: device.major,
    minor: device.minor,
  };
  return encodeRecord(member.path, header, data);
}

function checkPath(path: string): void {
  const isWrong =
    path === '' ||
    path.startsWith('/') ||
    path.includes('\0') ||
    path === 'TRAILER!!!' ||
    Buffer.byteLength(path) >= NAME_MAX_BYTES;
  if (isWrong)
    throw new RangeError(`'${path.slice(0, 80)}' cannot be a cpio path: expected a relative name`);
}

function encodeRecord(path: string, header: Header, data: Uint8Array): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // In the order of the format: ino mode uid gid nlink mtime filesize dev(2) rdev(2) namesize check.
  const fields = [
    0, // inode: no hard links, so the kernel does not look
    header.mode,
    0, // uid
    0, // gid
    header.links,
    0, // mtime
    header.sizeBytes,
    0, // device of the file
    0,
    header.major,
    header.minor,
    name.length,
    0, // check: only in the "crc" form
  ];
  const head = Buffer.from(`070701${fields.map(hexField).join('')}`);
  return [head, name, padding(head.length + name.length), Buffer.from(data), padding(data.length)];
}

function hexField(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`${value} does not fit a cpio field`);
  }
  return value.toString(16).padStart(8, '0').toUpperCase();
}

function padding(lengthBytes: number): Buffer {
  return Buffer.alloc((4 - (lengthBytes % 4)) % 4);
}
