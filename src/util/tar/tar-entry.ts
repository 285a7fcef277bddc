/** Kinds of entries that we read and write; `other` is a device, FIFO or anything else that has no content for us. */
export type TarKind = 'file' | 'directory' | 'symlink' | 'hard-link' | 'other';

/** One entry as its header describes it. Untrusted when it was read. */
export interface TarHeader {
  /** Bytes, because a file name need not be UTF-8. That of a directory may end with a slash. */
  readonly name: Buffer;
  readonly kind: TarKind;
  /** Permission bits, 0..0o7777. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtimeSeconds: number;
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  /** Target of a symbolic link; name of the earlier entry of a hard link; else empty. */
  readonly linkName: Buffer;
}

/** Archives are made of blocks of this size. */
export const TAR_BLOCK_BYTES = 512;

/** Offsets and lengths of the fields of a header block, as in `struct posix_header` of tar(5). */
export const TAR_FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

/** Returns the sum of a header's bytes, with spaces instead of the sum. */
export function tarChecksum(block: Buffer): number {
  const [start, length] = TAR_FIELD.checksum;
  let sum = length * 0x20;
  for (let at = 0; at < TAR_BLOCK_BYTES; at += 1) {
    if (at < start || at >= start + length) sum += block[at] ?? 0;
  }
  return sum;
}

/** Returns how many zero bytes follow a content of `size` bytes. */
export function tarPaddingBytes(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}
