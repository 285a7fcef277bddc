import { createRequire } from 'node:module';
import type Koffi from 'koffi';

/*
 * The calls of libc that Node lacks, each relative to a directory handle or on a descriptor. Synchronous, a few
 * microseconds each on a local file system, but for those named `InPool`. A failing call throws {@link SystemError}. Linux only.
 * Names and paths are bytes: Buffers that end in NUL (see {@link cString}).
 */

const PATH = 'const void *';

function load() {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const libc = koffi.load('libc.so.6');
  const calls = {
    openat: libc.func('openat', 'int', ['int', PATH, 'int', 'uint']),
    mkdirat: libc.func('mkdirat', 'int', ['int', PATH, 'uint']),
    unlinkat: libc.func('unlinkat', 'int', ['int', PATH, 'int']),
    renameat2: libc.func('renameat2', 'int', ['int', PATH, 'int', PATH, 'uint']),
    linkat: libc.func('linkat', 'int', ['int', PATH, 'int', PATH, 'int']),
    symlinkat: libc.func('symlinkat', 'int', [PATH, 'int', PATH]),
    readlinkat: libc.func('readlinkat', 'int64_t', ['int', PATH, 'void *', 'size_t']),
    utimensat: libc.func('utimensat', 'int', ['int', PATH, 'const void *', 'int']),
    getdents64: libc.func('getdents64', 'int64_t', ['int', 'void *', 'size_t']),
    fallocate: libc.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t']),
    lseek: libc.func('lseek', 'int64_t', ['int', 'int64_t', 'int']),
    getxattr: libc.func('getxattr', 'int64_t', [PATH, PATH, 'void *', 'size_t']),
    setxattr: libc.func('setxattr', 'int', [PATH, PATH, 'const void *', 'size_t', 'int']),
    flock: libc.func('flock', 'int', ['int', 'int']),
    prctl: libc.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']),
    listxattr: libc.func('listxattr', 'int64_t', [PATH, 'void *', 'size_t']),
    removexattr: libc.func('removexattr', 'int', [PATH, PATH]),
    inotify_init1: libc.func('inotify_init1', 'int', ['int']),
    inotify_add_watch: libc.func('inotify_add_watch', 'int', ['int', PATH, 'uint']),
    inotify_rm_watch: libc.func('inotify_rm_watch', 'int', ['int', 'int']),
  };
  return { calls, errno: () => koffi.errno() };
}

let loaded: ReturnType<typeof load> | undefined;

/** koffi costs 40 ms to load: only who makes a call pays for it. */
function libc(): ReturnType<typeof load> {
  loaded ??= load();
  return loaded;
}

/** A failed system call; `errno` is Linux' positive number. */
export class SystemError extends Error {
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    super(`${syscall} failed with errno ${errno}`);
    this.syscall = syscall;
    this.errno = errno;
  }
}

function checked(syscall: string, result: number | bigint): number {
  if (Number(result) < 0) throw new SystemError(syscall, libc().errno());
  return Number(result);
}

/** Bytes of a name or path with the NUL that libc wants. `latin1` text carries any byte unchanged. */
function cString(text: string, encoding: BufferEncoding = 'latin1'): Buffer {
  return Buffer.from(`${text}\0`, encoding);
}

/** Returns a path that leads to the file of an open descriptor, whatever its name is by now. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** @see openat(2); `name` is one component. Returns a descriptor that the caller closes. */
export function openAt(directory: number, name: string, flags: number, mode = 0): number {
  return checked('openat', libc().calls.openat(directory, cString(name), flags, mode));
}

export function makeDirectoryAt(directory: number, name: string, mode: number): void {
  checked('mkdirat', libc().calls.mkdirat(directory, cString(name), mode));
}

const AT_REMOVEDIR = 0x200;

export function unlinkAt(directory: number, name: string): void {
  checked('unlinkat', libc().calls.unlinkat(directory, cString(name), 0));
}

export function removeDirectoryAt(directory: number, name: string): void {
  checked('unlinkat', libc().calls.unlinkat(directory, cString(name), AT_REMOVEDIR));
}

/** @param flags RENAME_NOREPLACE 1, RENAME_EXCHANGE 2 (renameat2(2)). */
export function renameAt(
  from: number,
  name: string,
  to: number,
  newName: string,
  flags: number,
): void {
  checked('renameat2', libc().calls.renameat2(from, cString(name), to, cString(newName), flags));
}

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

/** Gives each of two paths what the other had, in one step. Absolute paths, on one file system that can do it. */
export function exchangePaths(one: string, other: string): void {
  const [from, to] = [cString(one, 'utf8'), cString(other, 'utf8')];
  checked('renameat2', libc().calls.renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE));
}

const AT_SYMLINK_FOLLOW = 0x400;

/** Gives the open file `fd` (O_PATH will do) another name. */
export function linkDescriptorAt(fd: number, directory: number, name: string): void {
  const source = cString(descriptorPath(fd));
  checked(
    'linkat',
    libc().calls.linkat(AT_FDCWD, source, directory, cString(name), AT_SYMLINK_FOLLOW),
  );
}

export function symlinkAt(target: string, directory: number, name: string): void {
  checked('symlinkat', libc().calls.symlinkat(cString(target), directory, cString(name)));
}

const PATH_MAX = 4096;

/** Reads the target of the symbolic link that `fd` (O_PATH | O_NOFOLLOW) refers to. */
export function readLink(fd: number): Buffer {
  const target = Buffer.alloc(PATH_MAX);
  const length = checked('readlinkat', libc().calls.readlinkat(fd, cString(''), target, PATH_MAX));
  return target.subarray(0, length);
}

/** Special values of `tv_nsec`, utimensat(2). */
const UTIME_NOW = 0x3fffffffn;
const UTIME_OMIT = 0x3ffffffen;
const SECOND_NS = 1_000_000_000n;

/** A time to set: nanoseconds since 1970, the present by the file system's own clock, or null to leave it. */
export type TimeToSet = bigint | 'now' | null;

function writeTimespec(target: Buffer, offset: number, time: TimeToSet): void {
  const isNumber = typeof time === 'bigint';
  const rest = isNumber ? ((time % SECOND_NS) + SECOND_NS) % SECOND_NS : 0n;
  target.writeBigInt64LE(isNumber ? (time - rest) / SECOND_NS : 0n, offset);
  const special = time === 'now' ? UTIME_NOW : UTIME_OMIT;
  target.writeBigInt64LE(isNumber ? rest : special, offset + 8);
}

/** Sets times of the file that `fd` refers to. */
export function setTimes(fd: number, atime: TimeToSet, mtime: TimeToSet): void {
  const times = Buffer.alloc(32);
  writeTimespec(times, 0, atime);
  writeTimespec(times, 16, mtime);
  checked('utimensat', libc().calls.utimensat(AT_FDCWD, cString(descriptorPath(fd)), times, 0));
}

/** Reads entries of an open directory as struct linux_dirent64s; 0 at its end. @see getdents64(2) */
export function readEntries(fd: number, target: Buffer): number {
  return checked('getdents64', libc().calls.getdents64(fd, target, target.length));
}

/** {@link readEntries} in a thread of libuv's pool. `target` and `fd` must stay as they are until it settles. */
export function readEntriesInPool(fd: number, target: Buffer): Promise<number> {
  const { getdents64 } = libc().calls;
  return inPool('getdents64', (done) => getdents64.async(fd, target, target.length, done));
}

/** Runs an asynchronous call of koffi's, whose `errno` is that of the thread it ran in. */
function inPool(
  syscall: string,
  start: (done: (error: unknown, result: number | bigint) => void) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error instanceof Error) reject(error);
      else if (Number(result) < 0) reject(new SystemError(syscall, libc().errno()));
      else resolve(Number(result));
    });
  });
}

/** Runs fallocate(2) in a thread of libuv's pool. `fd` must stay open until it settles. @see fallocate(2) for `mode`. */
export async function allocateInPool(
  fd: number,
  mode: number,
  offset: number,
  length: number,
): Promise<void> {
  const { fallocate } = libc().calls;
  await inPool('fallocate', (done) => fallocate.async(fd, mode, offset, length, done));
}

/** @param whence SEEK_SET 0, SEEK_DATA 3 or SEEK_HOLE 4. */
export function seek(fd: number, offset: number, whence: number): number {
  return checked('lseek', libc().calls.lseek(fd, offset, whence));
}

/** Value of an extended attribute (at most 256 bytes), or null when the file has none or cannot have any. */
export function getAttribute(fd: number, name: string): string | null {
  const value = Buffer.alloc(256);
  const length = Number(
    libc().calls.getxattr(cString(descriptorPath(fd)), cString(name), value, value.length),
  );
  return length < 0 ? null : value.toString('latin1', 0, length);
}

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h. */
const MAX_ATTRIBUTE_BYTES = 65_536;

/** Value of an extended attribute of any size. @throws {SystemError} ENODATA and others of getxattr(2) */
export function readAttribute(fd: number, name: string): Buffer {
  const value = Buffer.alloc(MAX_ATTRIBUTE_BYTES);
  const { getxattr } = libc().calls;
  const path = cString(descriptorPath(fd));
  const length = checked('getxattr', getxattr(path, cString(name), value, value.length));
  return Buffer.from(value.subarray(0, length));
}

/** Names of a file's extended attributes, latin1. */
export function listAttributes(fd: number): string[] {
  const names = Buffer.alloc(MAX_ATTRIBUTE_BYTES);
  const { listxattr } = libc().calls;
  const path = cString(descriptorPath(fd));
  const length = checked('listxattr', listxattr(path, names, names.length));
  return names.toString('latin1', 0, length).split('\0').slice(0, -1);
}

/** @param flags of setxattr(2): 1 makes the attribute, 2 replaces it, 0 either. */
export function setAttribute(fd: number, name: string, value: string | Buffer, flags = 0): void {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const { setxattr } = libc().calls;
  const path = cString(descriptorPath(fd));
  checked('setxattr', setxattr(path, cString(name), bytes, bytes.length, flags));
}

export function removeAttribute(fd: number, name: string): void {
  checked('removexattr', libc().calls.removexattr(cString(descriptorPath(fd)), cString(name)));
}

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Lets the kernel end this process when the one that started it ends, also while a call hangs. */
export function endWithParent(): void {
  checked('prctl', libc().calls.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

/** flock(2): `operation` is LOCK_SH, LOCK_EX or LOCK_UN, or-ed with LOCK_NB. */
export function flock(fd: number, operation: number): void {
  checked('flock', libc().calls.flock(fd, operation));
}

/** @see inotify_init1(2) */
export function openInotify(flags: number): number {
  return checked('inotify_init1', libc().calls.inotify_init1(flags));
}

/** Watches the directory that `fd` (O_PATH will do) refers to. Returns the watch's number, the same for the same directory. */
export function addInotifyWatch(inotify: number, fd: number, mask: number): number {
  const path = cString(descriptorPath(fd));
  return checked('inotify_add_watch', libc().calls.inotify_add_watch(inotify, path, mask));
}

/** Ends a watch. Does nothing when the kernel has ended it: the directory is gone. */
export function removeInotifyWatch(inotify: number, watch: number): void {
  libc().calls.inotify_rm_watch(inotify, watch);
}
