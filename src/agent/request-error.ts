import type { ErrorCode } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { ERRNO, errnoName } from '../protocol/errno.ts';
import type { GuestMessage } from '../protocol/guest-message.ts';
import type { HostRequest } from '../protocol/host-message.ts';
import { printable } from '../protocol/printable.ts';

/** The guest's reply to a request that failed. */
export type FailedReply = Extract<GuestMessage, { type: 'FAILED' }>;

function failedError(
  code: ErrorCode,
  action: string,
  { errno, stage }: FailedReply,
): GondolinError {
  const where = printable(stage);
  const name = errnoName(errno);
  return new GondolinError(code, `${action}: ${where}: ${name}`, {
    details: { stage: where, errno: name },
  });
}

/**
 * Returns the error for a `FAILED` request: AGENT_REQUEST_FAILED. Its stage is guest text, made printable.
 * details: stage, errno (a name, or `errno N`).
 */
export function requestError(type: HostRequest['type'], failed: FailedReply): GondolinError {
  return failedError('AGENT_REQUEST_FAILED', `the guest failed to do ${type}`, failed);
}

/** Errors of execve(2) for a file that exists but is not a program that this guest can run. */
const NOT_EXECUTABLE: ReadonlySet<number> = new Set([
  ERRNO.EACCES,
  ERRNO.EPERM,
  ERRNO.ENOEXEC,
  ERRNO.EISDIR,
  ERRNO.ELIBBAD,
  ERRNO.ETXTBSY,
  ERRNO.EINVAL,
]);

const NOT_FOUND: ReadonlySet<number> = new Set([
  ERRNO.ENOENT,
  ERRNO.ENOTDIR,
  ERRNO.ENAMETOOLONG,
  ERRNO.ELOOP,
]);

/**
 * Returns the error for a `FAILED` `EXEC`, by its stage (`user SPEC`, `cwd PATH`, `exec NAME`): AGENT_EXEC_BAD_USER,
 * AGENT_EXEC_BAD_CWD, AGENT_EXEC_NOT_FOUND, AGENT_EXEC_NOT_EXECUTABLE; AGENT_REQUEST_TOO_LARGE for E2BIG; else
 * AGENT_REQUEST_FAILED.
 */
export function execError(failed: FailedReply): GondolinError {
  return failedError(execCode(failed), 'the guest could not start the command', failed);
}

function execCode({ errno, stage }: FailedReply): ErrorCode {
  const step = stage.split(' ', 1)[0];
  if (step === 'user') return 'AGENT_EXEC_BAD_USER';
  if (step === 'cwd') return 'AGENT_EXEC_BAD_CWD';
  if (step !== 'exec') return 'AGENT_REQUEST_FAILED';
  if (errno === ERRNO.E2BIG) return 'AGENT_REQUEST_TOO_LARGE';
  if (NOT_FOUND.has(errno)) return 'AGENT_EXEC_NOT_FOUND';
  return NOT_EXECUTABLE.has(errno) ? 'AGENT_EXEC_NOT_EXECUTABLE' : 'AGENT_REQUEST_FAILED';
}
