import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { RemoteMount } from './remote-file-system.ts';

/** Time that a server has to say that a file does not exist. */
const REPLY_LIMIT_MS = 10_000;

/** Resolves once `stat` in a directory has ended, whatever it found; with false when it has not after `limitMs`. */
function isAnswered(directory: string, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    // The kernel may answer for an existing path without asking the server.
    const path = join(directory, `.gondolin-${randomUUID()}`);
    // A call that hangs may be impossible to end: nobody waits for the process that makes it.
    const child = spawn('stat', ['--', path], { stdio: 'ignore', detached: true, env: {} });
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      resolve(false);
    }, limitMs);
    const settle = () => {
      clearTimeout(limit);
      resolve(true);
    };
    // Without the program nothing is known, and the caller tries for itself.
    child.once('error', settle).once('exit', settle);
  });
}

/**
 * Resolves once the server of a remote file system replies. Call it before reading its files in this process: a call that hangs
 * blocks the whole process, including Ctrl-C.
 * @param limitMs  @default 10000
 * @throws {GondolinError} HOST_FILES_UNREACHABLE when it does not reply in time.
 */
export async function awaitReply({ point, type }: RemoteMount, limitMs = REPLY_LIMIT_MS) {
  if (await isAnswered(point, limitMs)) return;
  throw new GondolinError(
    'HOST_FILES_UNREACHABLE',
    `${point}: the server of this ${type} file system has not replied for ${limitMs / 1000} s`,
  );
}
