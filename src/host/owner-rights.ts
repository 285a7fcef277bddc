import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { descriptorPath } from './libc.ts';

const OWNER_RIGHTS = 0o600;
/** Reads until its input ends, which it does when this process does; the mode is $0. */
const RESTORE = 'read -r _; exec chmod "$0" /proc/self/fd/3';

/** A process of its own session that gives the file its mode when this process dies. Null when none can be started. */
function startGuardian(fd: number, mode: number): ChildProcess | null {
  const guardian = spawn('/bin/sh', ['-c', RESTORE, mode.toString(8)], {
    stdio: ['pipe', 'ignore', 'ignore', fd],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    detached: true,
  });
  guardian.on('error', () => undefined);
  guardian.unref();
  return guardian.pid === undefined ? null : guardian;
}

/**
 * Runs `action` while the owner of a file may read and write it. Its mode comes back whatever happens: a process that
 * costs a few milliseconds sees to it when this one is killed meanwhile.
 * @param fd  Of our user's file; O_PATH will do.
 * @param mode  Permission bits that it has.
 * @returns what `action` returns, or null when it was not run.
 */
export function withOwnerRights<T>(fd: number, mode: number, action: () => T): T | null {
  const guardian = startGuardian(fd, mode);
  if (guardian === null) return null;
  try {
    chmodSync(descriptorPath(fd), mode | OWNER_RIGHTS);
    return action();
  } finally {
    chmodSync(descriptorPath(fd), mode);
    // Before its input ends: it must not undo a later change of the mode.
    guardian.kill('SIGKILL');
    guardian.stdin?.destroy();
  }
}
