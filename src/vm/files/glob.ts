import { GondolinError } from '../../errors/gondolin-error.ts';
import type { FilesPath } from '../../protocol/files/files-request.ts';
import { runJobs } from './copy/job-queue.ts';
import { WaitingMemory } from './copy/waiting-memory.ts';
import type { PageEntry } from './decode.ts';
import { MAX_ENTRIES, readPages } from './directory.ts';
import type { GlobOptions } from './files-options.ts';
import type { FilesSession } from './files-session.ts';
import { type GlobState, parseGlob, stepGlob } from './glob-pattern.ts';
import { fileType } from './guest-stats.ts';

/** A directory to search: its path as the results have it, and what is left of the pattern there. */
interface Job {
  readonly path: string;
  readonly states: readonly GlobState[];
}

const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES']);

/** Searches directories for names, and counts what it sees. */
class GlobWalk {
  readonly found = new Set<string>();
  readonly #pattern: string;
  readonly #dot: boolean;
  readonly #memory = new WaitingMemory();
  #seen = 0;

  constructor(pattern: string, dot: boolean) {
    this.#pattern = pattern;
    this.#dot = dot;
  }

  /** Starts the search of a directory that waited. */
  start({ path }: Job): void {
    this.#memory.give(2 * path.length);
  }

  /** Takes a page of a directory. @param add  Gets the directories to search next. */
  take({ path, states }: Job, entries: readonly PageEntry[], add: (job: Job) => void): void {
    this.#seen += entries.length;
    if (this.#seen > MAX_ENTRIES) throw tooMany(this.#pattern);
    for (const entry of entries) {
      const name = entry.name.toString('utf8');
      const whole = path === '' || path.endsWith('/') ? path + name : `${path}/${name}`;
      const next = stepGlob(states, name, this.#dot);
      if (next.isMatch && !this.found.has(whole)) {
        this.#memory.take(2 * whole.length);
        this.found.add(whole);
      }
      const isDirectory = fileType(entry.mode) === 'directory';
      if (!isDirectory || next.states.length === 0) continue;
      this.#memory.take(2 * whole.length);
      add({ path: whole, states: next.states });
    }
  }
}

/** @see GuestFileSystem.glob  @param toPath  Makes a path that the guest knows. */
export async function glob(
  session: FilesSession,
  pattern: string,
  toPath: (path: string) => FilesPath,
  { dot = false, signal }: GlobOptions,
): Promise<string[]> {
  const walk = new GlobWalk(pattern, dot);
  const search = async (job: Job, add: (job: Job) => void): Promise<void> => {
    const path = toPath(job.path === '' ? '.' : job.path);
    const pages = readPages(session, { path, attributes: false, signal });
    for await (const { entries } of pages) walk.take(job, entries, add);
  };
  for (const { start, state } of parseGlob(pattern)) {
    const first: Job = { path: start, states: [state] };
    await runJobs<Job>(first, (job, add) => {
      if (job !== first) walk.start(job);
      return search(job, add).catch(ifMissing);
    });
  }
  return [...walk.found].sort();
}

/** A directory that is missing, or that this user may not read, has no matches. */
function ifMissing(error: unknown): void {
  if (!GondolinError.is(error) || !MISSING.has(error.code)) throw error;
}

function tooMany(pattern: string): GondolinError {
  return new GondolinError('FILES_TOO_LARGE', `${pattern}: more than ${MAX_ENTRIES} entries`, {
    hint: 'Use a pattern with a longer directory before its first wildcard.',
    details: { limit: MAX_ENTRIES },
  });
}
