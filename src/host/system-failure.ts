import { GondolinError } from '../errors/gondolin-error.ts';
import { isDenied } from './directories.ts';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Turns the failure of a system call on a path of gondolin's own directories into a coded error if a person can put it
 * right: HOST_DIRECTORY_UNUSABLE if this user may not use the path, HOST_WRITE_FAILED if the disk is full. Returns every
 * other error unchanged.
 *
 * @param directory  The one the person can change, for the message.
 */
export function asHostError(error: unknown, directory: string): unknown {
  if (GondolinError.is(error) || !(error instanceof Error) || !('syscall' in error)) return error;
  const details = { path: 'path' in error ? String(error.path) : directory };
  if (isDenied(error)) {
    return new GondolinError('HOST_DIRECTORY_UNUSABLE', `Cannot use the directory "${directory}"`, {
      cause: error,
      details,
      hint: `Make "${directory}" and what is in it yours, or set XDG_CACHE_HOME to a directory that is.`,
    });
  }
  const code = 'code' in error ? String(error.code) : '';
  if (!FULL.has(code)) return error;
  return new GondolinError('HOST_WRITE_FAILED', `No space left in "${directory}"`, {
    cause: error,
    details,
    hint: 'Free some with `gondolin prune`, or set XDG_CACHE_HOME to a larger disk.',
  });
}
