import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../host/directories.ts';
import { formatOwner, identifyOwnProcess, lifeOf, parseOwner } from '../host/process-life.ts';

/** Each `gondolin run` has a directory `<owner>-<random>.run/` next to the records of its VMs. */
const SUFFIX = '.run';
/** Age at which a directory of another container is removed, because its process is not visible here. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;

/** Name of the control socket in a session directory. */
export const CONTROL_SOCKET = 'control.sock';

/** Creates the session directory of this process, readable by this user only (0700). @throws {GondolinError} HOST_… */
export async function makeSessionDirectory(sessions: string): Promise<string> {
  await ensureDirectory(sessions);
  const id = `${formatOwner(identifyOwnProcess())}-${randomBytes(6).toString('hex')}`;
  const directory = join(sessions, `${id}${SUFFIX}`);
  await mkdir(directory, { mode: 0o700 });
  return directory;
}

function namesIn(sessions: string): string[] {
  try {
    return readdirSync(sessions).filter((name) => name.endsWith(SUFFIX));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function sessionLife(name: string) {
  const owner = parseOwner(name);
  return owner === null ? 'unknown' : lifeOf(owner);
}

/** Lists the directories of sessions whose owner is alive, including those of other containers. Sorted. */
export function listSessionDirectories(sessions: string): string[] {
  return namesIn(sessions)
    .filter((name) => sessionLife(name) !== 'dead')
    .toSorted()
    .map((name) => join(sessions, name));
}

/** Removes the directories of killed gondolins and returns their paths. Costs one directory listing if there are none. */
export function sweepStaleSessionDirectories(
  sessions: string,
  nowMs: number = Date.now(),
): string[] {
  const removed: string[] = [];
  for (const name of namesIn(sessions)) {
    const path = join(sessions, name);
    const life = sessionLife(name);
    const ageMs = nowMs - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs);
    if (life !== 'dead' && !(life === 'unknown' && ageMs > FOREIGN_AGE_MS)) continue;
    rmSync(path, { recursive: true, force: true });
    removed.push(path);
  }
  return removed;
}
