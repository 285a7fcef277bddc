/**
 * Version of the FUSE protocol whose numbers these are (linux/fuse.h). Requests come unchanged from the guest's kernel,
 * through the agent. They are untrusted, since guest root can write to the port.
 */
export const FUSE_MAJOR = 7;
export const FUSE_MINOR = 38;
/** struct fuse_in_header */
export const IN_HEADER_BYTES = 40;
/** struct fuse_out_header */
export const OUT_HEADER_BYTES = 16;
/** Largest data of one READ or WRITE. */
export const MAX_TRANSFER_BYTES = 1024 * 1024;
export const ROOT_NODE_ID = 1;

export const OPCODE = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
} as const;

/** INIT flags that we ask for. No writeback cache: the host edits these trees. No lock flags: the guest's kernel locks. */
export const INIT_FLAGS = {
  ASYNC_READ: 1 << 0,
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  PARALLEL_DIROPS: 1 << 18,
  MAX_PAGES: 1 << 22,
  /** A link's target never changes without a new inode, so the guest may cache it. */
  CACHE_SYMLINKS: 1 << 23,
  /** We clear set-id bits when a file is written, truncated or gets another owner, so that the guest need not ask for them before. */
  HANDLE_KILLPRIV_V2: 1 << 28,
} as const;

/** INIT flags that we ask for if a mount has extended attributes. */
export const ACL_INIT_FLAGS = {
  /** Names with a default list ignore the umask, so we apply it. */
  DONT_MASK: 1 << 6,
  /** The kernel reads the lists of each inode whose permissions it checks for somebody who does not own it. */
  POSIX_ACL: 1 << 20,
} as const;

/** SETATTR `valid` bits. */
export const FATTR = {
  MODE: 1,
  UID: 2,
  GID: 4,
  SIZE: 8,
  ATIME: 16,
  MTIME: 32,
  FH: 64,
  ATIME_NOW: 128,
  MTIME_NOW: 256,
  /** With SIZE: the caller may not keep set-id bits. */
  KILL_SUIDGID: 2048,
} as const;

/** Flag of WRITE: the caller may not keep set-id bits. */
export const WRITE_KILL_SUIDGID = 4;
/** The same in `open_flags` of OPEN and CREATE, for O_TRUNC. */
export const OPEN_KILL_SUIDGID = 1;

/** Flags of struct fuse_open_out. */
export const FOPEN = {
  /** The guest's kernel asks us for each read and keeps no data. */
  DIRECT_IO: 1,
  /** Data in the guest's page cache stays valid. */
  KEEP_CACHE: 2,
  /** A close sends no FLUSH (Linux 5.16). */
  NOFLUSH: 32,
} as const;

/** Length of the fixed part after the header, by opcode. A shorter request is malformed. */
export const FIXED_BYTES: Readonly<Record<number, number>> = {
  [OPCODE.FORGET]: 8,
  [OPCODE.GETATTR]: 16,
  [OPCODE.SETATTR]: 88,
  [OPCODE.MKNOD]: 16,
  [OPCODE.MKDIR]: 8,
  [OPCODE.RENAME]: 8,
  [OPCODE.LINK]: 8,
  [OPCODE.OPEN]: 8,
  [OPCODE.READ]: 40,
  [OPCODE.WRITE]: 40,
  [OPCODE.RELEASE]: 24,
  [OPCODE.FSYNC]: 16,
  [OPCODE.SETXATTR]: 8,
  [OPCODE.GETXATTR]: 8,
  [OPCODE.LISTXATTR]: 8,
  [OPCODE.INIT]: 16,
  [OPCODE.OPENDIR]: 8,
  [OPCODE.READDIR]: 40,
  [OPCODE.RELEASEDIR]: 24,
  [OPCODE.FSYNCDIR]: 16,
  [OPCODE.CREATE]: 16,
  [OPCODE.BATCH_FORGET]: 8,
  [OPCODE.FALLOCATE]: 32,
  [OPCODE.READDIRPLUS]: 40,
  [OPCODE.RENAME2]: 16,
  [OPCODE.LSEEK]: 24,
};
