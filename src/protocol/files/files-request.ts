import {
  FILES_LIST,
  FILES_MKDIR,
  FILES_OPERATION,
  FILES_REMOVE,
  FILES_REQUEST_HEADER_BYTES,
  FILES_SET,
  FILES_TARGET,
} from '../constants.ts';

/**
 * A path of the guest: text in UTF-8, or the exact bytes of a name that is not UTF-8. At most 4,095 bytes, no NUL.
 *
 * @example
 * const path: FilesPath = Buffer.from([0x2f, 0x74, 0x6d, 0x70, 0x2f, 0xff]);
 * await vm.fs.writeFile(path, 'a name that is not text');
 */
export type FilesPath = string | Uint8Array;

/** Target of `STAT` and `SET`: a path, a path whose last symbolic link is not followed, or an open handle. */
export type FilesTarget =
  | { readonly path: FilesPath; readonly follow: boolean }
  | { readonly handle: number };

/** Attributes to change; one that is missing stays. */
export interface FilesChange {
  /** Permission bits, 0..0o7777. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly size?: number;
  readonly atimeNs?: bigint;
  readonly mtimeNs?: bigint;
}

/** A request to the files process (docs/protocol.md, "Guest files"), without its id. */
export type FilesRequest =
  | {
      readonly type: 'OPEN';
      readonly handle: number;
      /** Bits of FILES_OPEN. */
      readonly flags: number;
      readonly mode: number;
      readonly path: FilesPath;
    }
  | { readonly type: 'CLOSE'; readonly handle: number }
  | {
      readonly type: 'READ';
      readonly handle: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly type: 'WRITE';
      readonly handle: number;
      readonly offset: number;
      readonly data: Uint8Array;
    }
  | { readonly type: 'SYNC'; readonly handle: number; readonly dataOnly: boolean }
  | { readonly type: 'STAT'; readonly target: FilesTarget }
  | { readonly type: 'SET'; readonly target: FilesTarget; readonly change: FilesChange }
  | { readonly type: 'LIST'; readonly handle: number; readonly attributes: boolean }
  | {
      readonly type: 'MKDIR';
      readonly path: FilesPath;
      readonly mode: number;
      readonly parents: boolean;
    }
  | { readonly type: 'REMOVE'; readonly path: FilesPath; readonly kind: keyof typeof FILES_REMOVE }
  | {
      readonly type: 'RENAME' | 'LINK' | 'SYMLINK';
      readonly path: FilesPath;
      readonly other: FilesPath;
    }
  | {
      readonly type: 'READLINK' | 'REALPATH' | 'STATVFS' | 'XATTRS';
      readonly path: FilesPath;
    }
  | { readonly type: 'ACCESS'; readonly path: FilesPath; readonly mode: number };

/** Writes the fields of one request. An integer that does not fit throws a RangeError, which is a bug in the caller. */
class Fields {
  readonly #parts: Buffer[] = [Buffer.alloc(FILES_REQUEST_HEADER_BYTES)];

  u8(value: number): this {
    return this.#add(Buffer.of(value));
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.#add(bytes);
  }

  u64(value: number | bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.#add(bytes);
  }

  i64(value: bigint): this {
    return this.u64(BigInt.asUintN(64, value));
  }

  bytes(value: FilesPath): this {
    const bytes =
      typeof value === 'string'
        ? Buffer.from(value, 'utf8')
        : Buffer.from(value.buffer, value.byteOffset, value.length);
    return this.u32(bytes.length).#add(bytes);
  }

  target(target: FilesTarget): this {
    if ('handle' in target) return this.u8(FILES_TARGET.HANDLE).u32(target.handle);
    return this.u8(target.follow ? FILES_TARGET.PATH : FILES_TARGET.LINK).bytes(target.path);
  }

  finish(id: number, operation: number): Buffer {
    const bytes = Buffer.concat(this.#parts);
    bytes.writeUInt32LE(bytes.length - 4, 0);
    bytes.writeUInt32LE(id, 4);
    bytes.writeUInt8(operation, 8);
    return bytes;
  }

  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}

/** Returns the bytes of a request. @param id  0..4294967295. */
export function encodeFilesRequest(id: number, request: FilesRequest): Buffer {
  const fields = new Fields();
  switch (request.type) {
    case 'OPEN':
      fields.u32(request.handle).u32(request.flags).u32(request.mode).bytes(request.path);
      break;
    case 'CLOSE':
      fields.u32(request.handle);
      break;
    case 'READ':
      fields.u32(request.handle).u64(request.offset).u32(request.length);
      break;
    case 'WRITE':
      fields.u32(request.handle).u64(request.offset).bytes(request.data);
      break;
    case 'SYNC':
      fields.u32(request.handle).u8(request.dataOnly ? 1 : 0);
      break;
    case 'STAT':
      fields.target(request.target);
      break;
    case 'SET':
      writeChange(fields.target(request.target), request.change);
      break;
    case 'LIST':
      fields.u32(request.handle).u8(request.attributes ? FILES_LIST.ATTRIBUTES : 0);
      break;
    case 'MKDIR':
      fields
        .u8(request.parents ? FILES_MKDIR.PARENTS : 0)
        .u32(request.mode)
        .bytes(request.path);
      break;
    case 'REMOVE':
      fields.u8(FILES_REMOVE[request.kind]).bytes(request.path);
      break;
    case 'RENAME':
    case 'LINK':
    case 'SYMLINK':
      fields.bytes(request.path).bytes(request.other);
      break;
    case 'READLINK':
    case 'REALPATH':
    case 'STATVFS':
    case 'XATTRS':
      fields.bytes(request.path);
      break;
    case 'ACCESS':
      fields.u8(request.mode).bytes(request.path);
      break;
  }
  return fields.finish(id, FILES_OPERATION[request.type]);
}

function writeChange(fields: Fields, change: FilesChange): void {
  const which =
    (change.mode === undefined ? 0 : FILES_SET.MODE) |
    (change.owner === undefined ? 0 : FILES_SET.OWNER) |
    (change.size === undefined ? 0 : FILES_SET.SIZE) |
    (change.atimeNs === undefined ? 0 : FILES_SET.ATIME) |
    (change.mtimeNs === undefined ? 0 : FILES_SET.MTIME);
  fields.u32(which).u32(change.mode ?? 0);
  fields.u32(change.owner?.uid ?? 0).u32(change.owner?.gid ?? 0);
  fields.u64(change.size ?? 0);
  fields.i64(change.atimeNs ?? 0n).i64(change.mtimeNs ?? 0n);
}
