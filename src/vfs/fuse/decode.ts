import { FATTR, OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import { PERMISSION_BITS } from '../file-mode.ts';
import type { AttributeChange } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';

/** Where the name is in the body of a request that makes one in the directory that it names. */
export const MADE_NAME_AT: Readonly<Record<number, number>> = {
  [OPCODE.SYMLINK]: 0,
  ...{ [OPCODE.MKDIR]: 8, [OPCODE.LINK]: 8 },
  ...{ [OPCODE.MKNOD]: 16, [OPCODE.CREATE]: 16 },
};

const MAX_NAME_BYTES = 255;
const SECOND_NS = 1_000_000_000n;
const SET_BITS = FATTR.MODE | FATTR.UID | FATTR.GID | FATTR.SIZE | FATTR.ATIME | FATTR.MTIME;

/**
 * Reads a name that ends in NUL, at `offset` of an untrusted request body.
 * @throws {VfsError} EINVAL without NUL, empty, `.`, `..` or with a slash; ENAMETOOLONG above 255 bytes.
 */
export function readName(body: Buffer, offset: number): string {
  const end = body.indexOf(0, offset);
  if (end === -1) throw new VfsError('EINVAL');
  if (end - offset > MAX_NAME_BYTES) throw new VfsError('ENAMETOOLONG');
  const name = body.toString('latin1', offset, end);
  if (name === '' || name === '.' || name === '..' || name.includes('/'))
    throw new VfsError('EINVAL');
  return name;
}

/** Reads latin1 text that ends in NUL. @throws {VfsError} EINVAL without one. */
export function readText(body: Buffer, offset: number): string {
  const end = body.indexOf(0, offset);
  if (end === -1) throw new VfsError('EINVAL');
  return body.toString('latin1', offset, end);
}

/** Reads two consecutive names. @throws {VfsError} as {@link readName}. */
export function readNames(body: Buffer, offset: number): [string, string] {
  const first = readName(body, offset);
  return [first, readName(body, offset + first.length + 1)];
}

/** Reads a file offset or length. @throws {VfsError} EINVAL when it is negative or too large for a number. */
export function readOffset(body: Buffer, offset: number): number {
  const value = body.readBigInt64LE(offset);
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new VfsError('EINVAL');
  return Number(value);
}

function readTime(body: Buffer, secondsAt: number, nsAt: number): bigint {
  const ns = BigInt(body.readUInt32LE(nsAt));
  if (ns >= SECOND_NS) throw new VfsError('EINVAL');
  return body.readBigInt64LE(secondsAt) * SECOND_NS + ns;
}

/**
 * Whether a SETATTR takes set-id bits away: a new owner does, a new size when the caller may not keep them, and a request that sets
 * nothing, which Linux sends before a write by such a caller.
 */
export function clearsSetId(body: Buffer, { mode, uid, gid, sizeBytes }: AttributeChange): boolean {
  const isKilled = (body.readUInt32LE(0) & FATTR.KILL_SUIDGID) !== 0;
  const isOwned = uid !== undefined || gid !== undefined;
  const isEmpty = (body.readUInt32LE(0) & SET_BITS) === 0;
  return mode === undefined && (isOwned || isEmpty || (sizeBytes !== undefined && isKilled));
}

/** Reads a struct fuse_setattr_in. @throws {VfsError} EINVAL for a size or time out of range. */
export function readAttributeChange(body: Buffer): AttributeChange {
  const valid = body.readUInt32LE(0);
  const has = (bit: number) => (valid & bit) !== 0;
  const [isAtimeNow, isMtimeNow] = [has(FATTR.ATIME_NOW), has(FATTR.MTIME_NOW)];
  const now = isAtimeNow || isMtimeNow ? BigInt(Date.now()) * 1_000_000n : 0n;
  return {
    ...(has(FATTR.SIZE) ? { sizeBytes: readOffset(body, 16) } : {}),
    ...(has(FATTR.MODE) ? { mode: body.readUInt32LE(68) & PERMISSION_BITS } : {}),
    ...(has(FATTR.UID) ? { uid: body.readUInt32LE(76) } : {}),
    ...(has(FATTR.GID) ? { gid: body.readUInt32LE(80) } : {}),
    ...(has(FATTR.ATIME) ? { atimeNs: isAtimeNow ? now : readTime(body, 32, 56), isAtimeNow } : {}),
    ...(has(FATTR.MTIME) ? { mtimeNs: isMtimeNow ? now : readTime(body, 40, 60), isMtimeNow } : {}),
  };
}
