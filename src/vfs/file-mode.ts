/** st_mode bits, the same numbers on every Linux (linux/stat.h). */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
/** The group's right to execute. */
export const S_IXGRP = 0o010;
/** All permission bits, with set-user-id, set-group-id and sticky. */
export const PERMISSION_BITS = 0o7777;
/** Those of the owner, the group and others. */
export const NINE_BITS = 0o777;
export const GROUP_BITS = 0o070;
export const OWNER_WRITE = 0o200;

/** open(2) flags on x86-64 and aarch64 Linux, as FUSE carries them. */
export const O_ACCMODE = 3;
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_DSYNC = 0o10000;
export const O_DIRECT = 0o40000;
export const O_NOFOLLOW = 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const O_DIRECTORY = 0o200000;

/** Flags of renameat2(2), as FUSE carries them. */
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
