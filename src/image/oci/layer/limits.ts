/**
 * Bounds on what a layer may hold. Layers come from whoever built the image: every one of these is checked while the
 * archive is read, before anything is written. docs/limits.md has the same rows.
 */
export const LAYER_LIMITS = {
  /** Entries of all layers of one image, with those that a later layer replaces. */
  entries: 2_000_000,
  /** Files and directories of the finished tree. */
  nodes: 500_000,
  /** Length of a whole path. PATH_MAX of linux/limits.h. */
  pathBytes: 4096,
  /** Length of one name. NAME_MAX of linux/limits.h. */
  nameBytes: 255,
  /** Length of an extended header, and of a GNU long name. */
  extendedHeaderBytes: 1024 * 1024,
  /** Length of one extended attribute. XATTR_SIZE_MAX of linux/limits.h. */
  attributeBytes: 64 * 1024,
  /** Extended attributes of all entries of one image. */
  allAttributesBytes: 64 * 1024 * 1024,
  /** Symbolic links on the way to one entry. MAXSYMLINKS of linux/namei.h. */
  linksFollowed: 40,
  /** Content of one layer that was decompressed, whatever its compressed size. */
  layerBytes: 64 * 1024 ** 3,
  /** A layer may always grow to this when it is decompressed, and above it by `ratio`. */
  freeBytes: 2 * 1024 ** 3,
  /** Bytes that one compressed byte may become above `freeBytes`. DEFLATE gives at most 1032. */
  ratio: 1032,
} as const;

/** Largest id that squashfs and Linux hold; one more is `(uid_t) -1`, which means "no user". */
export const ID_MAX = 2 ** 32 - 2;
