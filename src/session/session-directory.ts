import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirectory } from '../host/directories.ts';
import { formatOwner, identifyOwnProcess, lifeOf, parseOwner } from '../host/process-life.ts';

/** Each VM has a directory `<owner>-<id>.vm/` next to the record of its QEMU. */
const SUFFIX = '.vm';
/** Age at which a directory of another container is removed, because its process is not visible here. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;

/** Name of the control socket in a session directory. */
export const CONTROL_SOCKET = 'control.sock';

/** Directories that were checked by this process: each check is three calls on threads, while other VMs of a pool wait for theirs. */
const checked = new Set<string>();

/** Creates the directory of a new session, readable by this user only (0700). @throws {GondolinError} HOST_… */
export async function makeSessionDirectory(
  sessions: string,
): Promise<{ readonly id: string; readonly directory: string }> {
  if (!checked.has(sessions) || !existsSync(sessions)) {
    await ensureDirectory(sessions);
    checked.add(sessions);
  }
  const id = randomBytes(6).toString('hex');
  const directory = join(sessions, `${formatOwner(identifyOwnProcess())}-${id}${SUFFIX}`);
  mkdirSync(directory, { mode: 0o700 });
  return { id, directory };
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

/** The directory of a session, with what its name says. */
export interface SessionPlace {
  readonly directory: string;
  readonly id: string;
  readonly pid: number;
}

/** Lists the directories of sessions whose owner is alive, including those of other containers. Sorted. */
export function listSessionPlaces(sessions: string): SessionPlace[] {
  const places = namesIn(sessions)
    .toSorted()
    .map((name) => {
      const owner = parseOwner(name);
      const [id] = /[0-9a-f]{12}(?=\.vm$)/.exec(name) ?? [];
      if (owner === null || id === undefined || lifeOf(owner) === 'dead') return null;
      return { directory: join(sessions, name), id, pid: owner.pid };
    });
  return places.filter((place) => place !== null);
}

/** Removes the directories of killed owners and returns their paths. Costs one directory listing if there are none. */
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
