import { GondolinError } from '../errors/gondolin-error.ts';
import type { CliIo } from './io.ts';

/** Cleans up after gondolins that were killed, before anything else is done. */
export async function sweepAfterKill(io: CliIo): Promise<void> {
  const { resolveDirectories } = await import('../host/directories.ts');
  const { sweepStaleSessions } = await import('../machine/session-record.ts');
  const { sweepStaleSessionDirectories } = await import('../session/session-directory.ts');
  try {
    const { sessions } = resolveDirectories(io.env);
    sweepStaleSessions(sessions);
    sweepStaleSessionDirectories(sessions);
  } catch (error) {
    // An unusable directory has nothing to clean up, and a command that needs it reports the error itself.
    if (!GondolinError.is(error) || error.code !== 'HOST_DIRECTORY_UNUSABLE') throw error;
  }
}
