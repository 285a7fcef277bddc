import { fileError } from '../../agent/files/file-error.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { MAX_FILES_PATH_BYTES } from '../../protocol/constants.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';

/**
 * Returns the path to send: a relative one starts at `cwd`, and without that the guest starts it at the user's home.
 * @throws {GondolinError} VM_BAD_OPTION for NUL or another type; ENAMETOOLONG.
 */
export function guestPath(path: FilesPath, cwd: string | undefined, syscall: string): FilesPath {
  const isText = typeof path === 'string';
  if (!isText && !(path instanceof Uint8Array)) {
    throw new GondolinError('VM_BAD_OPTION', `${syscall}: a path must be text or bytes`);
  }
  if (isText ? path.includes('\0') : path.includes(0)) {
    throw new GondolinError('VM_BAD_OPTION', `${syscall}: a path must not contain NUL`);
  }
  // An empty path is an error of the guest (ENOENT), not its working directory.
  const isRelative = isText && path !== '' && !path.startsWith('/');
  const whole = isRelative && cwd !== undefined ? `${cwd}/${path}` : path;
  const bytes = typeof whole === 'string' ? Buffer.byteLength(whole) : whole.length;
  if (bytes > MAX_FILES_PATH_BYTES) throw fileError('ENAMETOOLONG', { syscall, path });
  return whole;
}
