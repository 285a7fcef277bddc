import type { ErrorCode } from '../../errors/codes.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { errnoName } from '../../protocol/errno.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';
import { printable } from '../../protocol/printable.ts';

/** The purpose of a request, for its error. */
export interface FileAction {
  /** The name of the system call, as in Node's `error.syscall`. */
  readonly syscall: string;
  readonly path: FilesPath;
}

/** Errors of the guest's kernel that are codes of their own, with Node's texts for them. */
const TEXTS = [
  ['EACCES', 'permission denied'],
  ['EAGAIN', 'resource temporarily unavailable'],
  ['EBADF', 'bad file descriptor'],
  ['EBUSY', 'resource busy or locked'],
  ['EDQUOT', 'disk quota exceeded'],
  ['EEXIST', 'file already exists'],
  ['EFBIG', 'file too large'],
  ['EINVAL', 'invalid argument'],
  ['EIO', 'i/o error'],
  ['EISDIR', 'illegal operation on a directory'],
  ['ELOOP', 'too many symbolic links encountered'],
  ['EMFILE', 'too many open files'],
  ['EMLINK', 'too many links'],
  ['ENAMETOOLONG', 'name too long'],
  ['ENODEV', 'no such device'],
  ['ENOENT', 'no such file or directory'],
  ['ENOMEM', 'not enough memory'],
  ['ENOSPC', 'no space left on device'],
  ['ENOTDIR', 'not a directory'],
  ['ENOTEMPTY', 'directory not empty'],
  ['ENXIO', 'no such device or address'],
  ['EOPNOTSUPP', 'operation not supported'],
  ['EPERM', 'operation not permitted'],
  ['EROFS', 'read-only file system'],
  ['ESPIPE', 'invalid seek'],
  ['ETXTBSY', 'text file is busy'],
  ['EXDEV', 'cross-device link not permitted'],
] as const satisfies readonly (readonly [ErrorCode, string])[];

/** Error codes of `vm.fs` that are names of Linux errors, as in `node:fs`. */
export type FileErrorCode = (typeof TEXTS)[number][0];

const TEXT_OF = new Map<string, (typeof TEXTS)[number]>(TEXTS.map((row) => [row[0], row]));

/** Returns a path as text that is safe for a message. */
export function pathText(path: FilesPath): string {
  const text = typeof path === 'string' ? path : Buffer.from(path).toString('utf8');
  return printable(text, 4_096);
}

/**
 * Returns the error for a file operation that the guest's kernel refused: its code is the name of the error, as in
 * `node:fs`; FILES_FAILED for one without a code here. details: errno (a name, or `errno N`), syscall, path.
 * @param errno  A name, or the untrusted number of a reply.
 */
export function fileError(
  errno: FileErrorCode | number,
  { syscall, path }: FileAction,
): GondolinError {
  const name = typeof errno === 'number' ? errnoName(errno) : errno;
  const where = pathText(path);
  const details = { errno: name, syscall, path: where };
  const row = TEXT_OF.get(name);
  if (row === undefined) {
    return new GondolinError('FILES_FAILED', `${name}: ${syscall} '${where}'`, { details });
  }
  return new GondolinError(row[0], `${name}: ${row[1]}, ${syscall} '${where}'`, { details });
}
