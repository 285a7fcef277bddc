import type { SshStats } from '../ssh-guest.ts';

/** Types of requests of SFTP version 3 (draft-ietf-secsh-filexfer-02). */
export const REQUEST = {
  INIT: 1,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  EXTENDED: 200,
} as const;

const REPLY = {
  VERSION: 2,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED_REPLY: 201,
} as const;

export const STATUS = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;

const ATTRIBUTE = { SIZE: 1, UIDGID: 2, PERMISSIONS: 4, ACMODTIME: 8, EXTENDED: 0x8000_0000 };

/** The attributes that a client sets. */
export interface ClientAttributes {
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
  /** Seconds since 1970. */
  readonly atime?: number;
  readonly mtime?: number;
}

/** A malformed packet. */
export class PacketError extends Error {}

/** Reads the fields of one packet; each read throws a {@link PacketError} where the packet ends. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new PacketError('the packet is too short');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  u8(): number {
    return this.#take(1).readUInt8();
  }

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** @throws {PacketError} also above 2^53. */
  u64(): number {
    const value = this.#take(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new PacketError('the number is too large');
    return Number(value);
  }

  bytes(): Buffer {
    return this.#take(this.u32());
  }

  /** A path: text, or the bytes of a name that is not UTF-8. An empty one is the start directory. */
  path(): string | Uint8Array {
    const bytes = this.bytes();
    if (bytes.length === 0) return '.';
    if (bytes.includes(0)) throw new PacketError('a path contains NUL');
    const text = bytes.toString('utf8');
    return Buffer.from(text).equals(bytes) ? text : bytes;
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  attributes(): ClientAttributes {
    const flags = this.u32();
    const has = (flag: number) => (flags & flag) !== 0;
    const size = has(ATTRIBUTE.SIZE) ? { size: this.u64() } : {};
    const owner = has(ATTRIBUTE.UIDGID) ? { uid: this.u32(), gid: this.u32() } : {};
    const mode = has(ATTRIBUTE.PERMISSIONS) ? { mode: this.u32() & 0o7777 } : {};
    const times = has(ATTRIBUTE.ACMODTIME) ? { atime: this.u32(), mtime: this.u32() } : {};
    return { ...size, ...owner, ...mode, ...times };
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

function field(data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([u32(bytes.length), bytes]);
}

function packet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  return Buffer.concat([u32(length), Buffer.of(type), ...parts]);
}

function attributes(stats: SshStats): Buffer {
  const { SIZE, UIDGID, PERMISSIONS, ACMODTIME } = ATTRIBUTE;
  return Buffer.concat([
    u32(SIZE | UIDGID | PERMISSIONS | ACMODTIME),
    u64(BigInt(Math.max(0, stats.size))),
    ...[stats.uid, stats.gid, stats.mode].map(u32),
    ...[stats.atimeMs, stats.mtimeMs].map((ms) => u32(Math.max(0, Math.floor(ms / 1000)))),
  ]);
}

/** One name of a directory, with its line as `ls -l` prints it. */
export interface NamedFile {
  readonly name: Uint8Array | string;
  readonly longName: Uint8Array | string;
  /** null where only the name is asked for. */
  readonly stats: SshStats | null;
}

const NO_ATTRIBUTES = u32(0);

/** The replies of the server. Each is one packet with its length. */
export const reply = {
  version: (extensions: readonly (readonly [name: string, version: string])[]) =>
    packet(REPLY.VERSION, u32(3), ...extensions.flat().map(field)),
  status: (id: number, code: number, message: string) =>
    packet(REPLY.STATUS, u32(id), u32(code), field(message), field('')),
  handle: (id: number, handle: Uint8Array) => packet(REPLY.HANDLE, u32(id), field(handle)),
  data: (id: number, data: Uint8Array) => packet(REPLY.DATA, u32(id), u32(data.length), data),
  names: (id: number, files: readonly NamedFile[]) =>
    packet(
      REPLY.NAME,
      ...[u32(id), u32(files.length)],
      ...files.flatMap(({ name, longName, stats }) => [
        ...[field(name), field(longName)],
        stats === null ? NO_ATTRIBUTES : attributes(stats),
      ]),
    ),
  attributes: (id: number, stats: SshStats) => packet(REPLY.ATTRS, u32(id), attributes(stats)),
  /** A reply of numbers of 64 bits, as `limits@openssh.com` has it. */
  numbers: (id: number, numbers: readonly bigint[]) =>
    packet(REPLY.EXTENDED_REPLY, u32(id), ...numbers.map(u64)),
} as const;
