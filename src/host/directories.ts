import type { Stats } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';

/** Environment variables, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Every name gondolin puts on disk, below the directories of `resolveDirectories`. Renaming one makes old
 * files unreachable; that is fine in the cache and needs a sweep of the old name in the state directory.
 */
export const NAMES = {
  /** Our directory below each XDG base directory. */
  application: 'gondolin',
  /** Cache: one directory per built image, named by its content key. */
  images: 'images',
  /** Cache: one directory per saved machine that starts are made from, named by what must be the same. */
  templates: 'templates',
  /** Cache: one directory per saved step, named by the key over all it depends on; and `records/`. */
  checkpoints: 'checkpoints',
  /** Cache: one directory per Dockerfile, with the disk on which its builds keep what instructions gave. */
  builders: 'builders',
  /** Cache: one directory per watch session, with the machines it starts again from; removed at its end. */
  watch: 'watch',
  /** Cache: one directory per job of a cluster that this user waits for; its shards leave their records there. */
  jobs: 'jobs',
  /** Cache: digests of files that steps depend on, so that unchanged ones are not read again. */
  inputDigests: 'input-digests.json',
  /** Cache: the output of `name --version`, so that no tool is started to learn it again. */
  toolVersions: 'tool-versions.json',
  /** Cache: whether KVM works, for one boot of the host. */
  acceleratorVerdict: 'accelerator.json',
  /** Cache: the 64 KiB firmware the KVM probe runs. */
  acceleratorProbe: 'accelerator-probe.bin',
  /** Cache: held by the one process that removes what is over the limit. */
  trimLock: 'trim.lock',
  /** Cache: how far QEMU can be confined, for one boot of the host. */
  confinementVerdict: 'confinement.json',
  /** State: one record per running QEMU, `<owner>-<random>.json`; removed when it ends. */
  sessions: 'sessions',
  /** State: one directory per project that `gondolin up` runs, named by its file: record, control socket, logs. */
  projects: 'projects',
  /** State: one directory per machine that a person saved under a name. */
  snapshots: 'snapshots',
  /** State: one directory per image that a person gave a name: `NAME@VERSION`. */
  taggedImages: 'tagged-images',
  /** State: one directory per project with one per volume that is kept between runs. */
  volumes: 'volumes',
  /** State: one directory per overlay volume, with what the last run that changed it left. */
  overlays: 'overlays',
  authority: 'ca',
  /** Anywhere: start of the name of a file or directory that is still being written (see atomic-write.ts). */
  temporaryPrefix: 'tmp-',
} as const;

/** The directories that gondolin uses on this machine. Absolute paths; they need not exist. */
export interface Directories {
  /** Can be deleted at any time when no gondolin runs: `$XDG_CACHE_HOME/gondolin`. */
  readonly cache: string;
  /** Built images: `<cache>/images`. */
  readonly images: string;
  /** Saved machines that starts are made from: `<cache>/templates`. */
  readonly templates: string;
  /** Machines saved after steps: `<cache>/checkpoints`. */
  readonly checkpoints: string;
  /** Files that must outlive a cleared cache: `$XDG_STATE_HOME/gondolin`. */
  readonly state: string;
  /** Records of running machines: `<state>/sessions`. */
  readonly sessions: string;
  /** Running projects: `<state>/projects`. */
  readonly projects: string;
  /** Machines saved under a name: `<state>/snapshots`. */
  readonly snapshots: string;
  /** Images with names: `<state>/tagged-images`. */
  readonly taggedImages: string;
  /** Volumes that are kept between runs: `<state>/volumes/<project>/<name>`. */
  readonly volumes: string;
  /** Changes of overlay volumes: `<state>/overlays`. */
  readonly overlays: string;
  /** The certificate authority that this machine's guests trust: `<state>/ca`. */
  readonly authority: string;
}

/**
 * Applies the XDG base directory rules: an unset, empty or relative variable falls back to `~/.cache` and
 * `~/.local/state`. Touches no file.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE when that is needed and the home directory is not known.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function resolveDirectories(
  env: Environment = process.env,
  home: () => string = homedir,
): Directories {
  const base = (variable: string, fallback: string) =>
    join(absolute(env[variable]) ?? join(knownHome(home), fallback), NAMES.application);
  const cache = base('XDG_CACHE_HOME', '.cache');
  const state = base('XDG_STATE_HOME', '.local/state');
  return {
    cache,
    images: join(cache, NAMES.images),
    templates: join(cache, NAMES.templates),
    checkpoints: join(cache, NAMES.checkpoints),
    state,
    sessions: join(state, NAMES.sessions),
    projects: join(state, NAMES.projects),
    snapshots: join(state, NAMES.snapshots),
    taggedImages: join(state, NAMES.taggedImages),
    volumes: join(state, NAMES.volumes),
    overlays: join(state, NAMES.overlays),
    authority: join(state, NAMES.authority),
  };
}

/** Returns the directories of what a person has saved or named: the cache's limit counts it, and nothing removes it by itself. */
export function keptDirectories({
  snapshots,
  taggedImages,
}: Pick<Directories, 'snapshots' | 'taggedImages'>): readonly string[] {
  return [snapshots, taggedImages];
}

function absolute(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** Neither a home that is not known nor one that moves with the current directory can hold a cache. */
function knownHome(home: () => string): string {
  let path: string | undefined;
  let cause: unknown;
  try {
    path = home();
  } catch (error) {
    cause = error;
  }
  const found = absolute(path);
  if (found !== undefined) return found;
  const why =
    path === undefined ? 'HOME is not set and the user has no home directory' : `HOME is "${path}"`;
  throw new GondolinError('HOST_DIRECTORY_UNUSABLE', `No home directory: ${why}`, {
    cause,
    hint: 'Set HOME to an absolute path, or set both XDG_CACHE_HOME and XDG_STATE_HOME.',
  });
}

/**
 * Makes the directory and its missing parents, readable by this user only (0700). An existing one keeps its mode, but must
 * be this user's, or root's, and not writable for others: what is in it is trusted.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE when it cannot be made, or is not such.
 */
export async function ensureDirectory(path: string): Promise<void> {
  let problem: DirectoryProblem | null;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    problem = directoryProblem(path, await lstat(path), await stat(path));
  } catch (cause) {
    throw new GondolinError('HOST_DIRECTORY_UNUSABLE', `Cannot create the directory "${path}"`, {
      cause,
      details: { path },
    });
  }
  if (problem === null) return;
  throw new GondolinError(
    'HOST_DIRECTORY_UNUSABLE',
    `Cannot trust the directory "${path}": ${problem.text}`,
    { details: { path }, hint: problem.hint },
  );
}

interface DirectoryProblem {
  readonly text: string;
  readonly hint: string;
}

/** @param link  Of the name itself. @param target  Of where it leads to. */
function directoryProblem(path: string, link: Stats, target: Stats): DirectoryProblem | null {
  const elsewhere = 'or set XDG_CACHE_HOME and XDG_STATE_HOME to directories that are yours.';
  const isOurs = ({ uid }: Stats) => uid === process.geteuid?.() || uid === 0;
  if (!isOurs(link)) {
    const what = link.isSymbolicLink() ? 'it is a symbolic link of' : 'it belongs to';
    return {
      text: `${what} another user (uid ${link.uid})`,
      hint: `Run: chown -hR "$USER" ${path}, ${elsewhere}`,
    };
  }
  if (!isOurs(target)) {
    return {
      text: `it leads to a directory of another user (uid ${target.uid})`,
      hint: `Remove the link, ${elsewhere}`,
    };
  }
  if ((target.mode & OTHERS_WRITE) !== 0) {
    return {
      text: 'others may write in it',
      hint: `Run: chmod go-w ${path}, ${elsewhere}`,
    };
  }
  return null;
}

/** S_IWGRP and S_IWOTH. */
const OTHERS_WRITE = 0o022;

/** Codes of system calls by which a path is another user's, or on a file system that is read-only. */
const DENIED: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS']);

/** True when a system call failed because this user may not do it there. */
export function isDenied(error: unknown): boolean {
  return error instanceof Error && 'code' in error && DENIED.has(error.code);
}
