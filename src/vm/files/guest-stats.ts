import type { FileAttributes } from '../../protocol/files/file-attributes.ts';

/**
 * Type of a file.
 *
 * @example
 * const isLink = (type: GuestFileType) => type === 'symlink';
 */
export type GuestFileType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'character-device'
  | 'block-device'
  | 'unknown';

const TYPES = new Map<number, GuestFileType>([
  [0o010000, 'fifo'],
  [0o020000, 'character-device'],
  [0o040000, 'directory'],
  [0o060000, 'block-device'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
]);

/** Returns the type in the bits of a mode. Never throws. */
export function fileType(mode: number): GuestFileType {
  return TYPES.get(mode & 0o170000) ?? 'unknown';
}

function toMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

/**
 * Attributes of a file in the guest, in the shape of `fs.Stats`. Untrusted: a guest can say what it likes.
 *
 * @example
 * const stats: GuestStats = await vm.fs.stat('/etc/hostname');
 * console.log(stats.isFile(), stats.size, stats.mtime.getFullYear() > 1970);
 */
export class GuestStats {
  /** Type and permission bits, as in `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** In bytes. */
  readonly size: number;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly rdev: bigint;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly blksize: number;
  /** Nanoseconds since 1970; negative before. */
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly type: GuestFileType;

  /** @internal */
  constructor(attributes: FileAttributes) {
    this.mode = attributes.mode;
    this.uid = attributes.uid;
    this.gid = attributes.gid;
    this.nlink = attributes.nlink;
    this.size = attributes.size;
    this.ino = attributes.ino;
    this.dev = attributes.dev;
    this.rdev = attributes.rdev;
    this.blocks = Number(attributes.blocks);
    this.blksize = attributes.blockBytes;
    this.atimeNs = attributes.atimeNs;
    this.mtimeNs = attributes.mtimeNs;
    this.ctimeNs = attributes.ctimeNs;
    this.type = fileType(attributes.mode);
  }

  get atimeMs(): number {
    return toMs(this.atimeNs);
  }

  get mtimeMs(): number {
    return toMs(this.mtimeNs);
  }

  get ctimeMs(): number {
    return toMs(this.ctimeNs);
  }

  get atime(): Date {
    return new Date(this.atimeMs);
  }

  get mtime(): Date {
    return new Date(this.mtimeMs);
  }

  get ctime(): Date {
    return new Date(this.ctimeMs);
  }

  isFile(): boolean {
    return this.type === 'file';
  }

  isDirectory(): boolean {
    return this.type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.type === 'symlink';
  }

  isFIFO(): boolean {
    return this.type === 'fifo';
  }

  isSocket(): boolean {
    return this.type === 'socket';
  }

  isCharacterDevice(): boolean {
    return this.type === 'character-device';
  }

  isBlockDevice(): boolean {
    return this.type === 'block-device';
  }
}

/**
 * One entry of a directory of the guest, with its attributes; a symbolic link is not followed.
 *
 * @example
 * const entries: GuestEntry[] = await vm.fs.listDir('/etc');
 * console.log(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
 */
export class GuestEntry extends GuestStats {
  /** Untrusted text without `/` and NUL, neither `.` nor `..`. Bytes that are not UTF-8 are U+FFFD. */
  readonly name: string;
  /** The bytes of the name. */
  readonly nameBytes: Uint8Array;

  /** @internal */
  constructor(nameBytes: Buffer, attributes: FileAttributes) {
    super(attributes);
    this.name = nameBytes.toString('utf8');
    this.nameBytes = nameBytes;
  }
}
