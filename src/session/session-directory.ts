import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../host/directories.ts';
import { formatOwner, identifyOwnProcess, lifeOf, parseOwner } from '../host/process-life.ts';

/** One directory per running `gondolin run`, beside the records of its machines: `<owner>-<random>.run/`. */
const SUFFIX = '.run';
/** A directory of another container is removed once it is this old; its process is not ours to see. */
const FOREIGN_AGE_MS = 24 * 60 * 60 * 1000;

/** In a session's directory: where its owner listens. */
export const CONTROL_SOCKET = 'control.sock';

/** Makes the directory of this process's session, readable by this user only (0700). @throws {GondolinError} HOST_… */
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

function lifeOfSession(name: string) {
  const owner = parseOwner(name);
  return owner === null ? 'unknown' : lifeOf(owner);
}

/** Directories of the sessions whose owner lives; those of other containers count too. Sorted. */
export function listSessionDirectories(sessions: string): string[] {
  return namesIn(sessions)
    .filter((name) => lifeOfSession(name) !== 'dead')
    .toSorted()
    .map((name) => join(sessions, name));
}

/** Removes the directories of killed gondolins. Without any it costs one listing. Returns what was removed. */
export function sweepStaleSessionDirectories(
  sessions: string,
  nowMs: number = Date.now(),
): string[] {
  const removed: string[] = [];
  for (const name of namesIn(sessions)) {
    const path = join(sessions, name);
    const life = lifeOfSession(name);
    const ageMs = nowMs - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs);
    if (life !== 'dead' && !(life === 'unknown' && ageMs > FOREIGN_AGE_MS)) continue;
    rmSync(path, { recursive: true, force: true });
    removed.push(path);
  }
  return removed;
}
