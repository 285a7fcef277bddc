import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** chokidar does not tell when the watched path itself is replaced: it is looked at this often. */
const ROOT_CHECK_MS = 500;
/** Each file costs a watch of the kernel. */
const MAX_FILES = 100_000;

export interface FileTreeOptions {
  /** Absolute path of a directory or file, which need not exist. */
  readonly root: string;
  readonly isIgnored: (path: string, isDirectory: boolean) => boolean;
  /** Receives each file that is there when watching starts. */
  readonly onFound: (path: string, stats: Stats) => void;
  /** Receives each path whose file may have changed. */
  readonly onChange: (path: string) => void;
  /** The root is not there any more; what it contained is not reported. */
  readonly onGone: () => void;
  /** It is there again: the caller compares what it knew; what is there now is reported as changes. */
  readonly onBack: () => void;
  readonly onError: (error: GondolinError) => void;
  /** Most files below the root. @default 100000 */
  readonly maxFiles?: number;
}

/** Identity of what is at the root; null when there is nothing. */
function identity(path: string): string | null {
  try {
    const { dev, ino, birthtimeNs } = statSync(path, { bigint: true });
    // A number is given again soon after it became free.
    return `${dev} ${ino} ${birthtimeNs}`;
  } catch {
    return null;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function toError(root: string, cause: unknown): GondolinError {
  const { code } = cause as NodeJS.ErrnoException;
  const isLimit = code === 'ENOSPC' || code === 'EMFILE';
  const why = isLimit ? 'this user has no inotify watches left' : String(code);
  return new GondolinError('WATCH_FAILED', `Cannot watch ${root}: ${why}`, {
    cause,
    ...(isLimit
      ? {
          hint: 'Ignore directories with `watch.ignore`, or raise the limits: sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512',
        }
      : {}),
  });
}

/** Watches one directory or file of the host, also while it is replaced, or removed and made again. */
export class FileTree {
  readonly #options: FileTreeOptions;
  readonly #timer: NodeJS.Timeout;
  #watcher: FSWatcher | null = null;
  #identity: string | null;
  /** Known once there was something at the root. */
  #isFile: boolean | null = null;
  #fileCount = 0;
  /** The root was removed, even if there is one again. */
  #isReplaced = false;
  #isClosed = false;
  /** Resolves once the files that are there have been found. */
  readonly ready: Promise<void>;

  constructor(options: FileTreeOptions) {
    this.#options = options;
    this.#identity = this.#look();
    this.ready = this.#identity === null ? Promise.resolve() : this.#open(options.onFound);
    this.#timer = setInterval(() => this.#check(), ROOT_CHECK_MS);
    this.#timer.unref();
  }

  /** True while a root that was there is gone. */
  get isGone(): boolean {
    return this.#isFile !== null && identity(this.#place()) === null;
  }

  /** A file is watched through its directory, which stays when editors replace the file. */
  #place(): string {
    const { root } = this.#options;
    return this.#isFile === true ? dirname(root) : root;
  }

  #look(): string | null {
    const { root } = this.#options;
    if (this.#isFile === null && identity(root) !== null) this.#isFile = !isDirectory(root);
    return identity(this.#place());
  }

  #open(onFound: (path: string, stats: Stats) => void): Promise<void> {
    const { root, isIgnored, onChange, onError } = this.#options;
    const place = this.#place();
    const isFile = this.#isFile === true;
    const real = realpathSync(place);
    const named = (path: string) => join(place, relative(real, path));
    const watcher = watch(real, {
      ignoreInitial: false,
      followSymlinks: false,
      atomic: false,
      alwaysStat: true,
      ...(isFile ? { depth: 0 } : {}),
      ignored: (path, stats) => {
        const name = named(path);
        if (isFile) return name !== place && name !== root;
        // Asked again with what it is: a pattern may mean directories only.
        return stats !== undefined && isIgnored(name, stats.isDirectory());
      },
    });
    this.#watcher = watcher;
    this.#fileCount = 0;
    let isReady = false;
    watcher.on('add', (path, stats) => {
      this.#count();
      if (isReady || stats === undefined) onChange(named(path));
      else onFound(named(path), stats);
    });
    watcher.on('change', (path) => onChange(named(path)));
    watcher.on('unlink', (path) => onChange(named(path)));
    watcher.on('unlinkDir', (path) => {
      if (path === real && this.#watcher === watcher) this.#isReplaced = true;
    });
    watcher.on('error', (error) => onError(toError(root, error)));
    return new Promise((resolve) => {
      watcher.once('ready', () => {
        isReady = true;
        resolve();
      });
    });
  }

  #count(): void {
    this.#fileCount += 1;
    const { root, onError, maxFiles = MAX_FILES } = this.#options;
    // Once, not for each file above it.
    if (this.#fileCount !== maxFiles + 1) return;
    onError(new GondolinError('WATCH_FAILED', `Cannot watch ${root}: more than ${maxFiles} files`));
  }

  #check(): void {
    const now = this.#look();
    if ((now === this.#identity && !this.#isReplaced) || this.#isClosed) return;
    const wasThere = this.#identity !== null;
    this.#identity = now;
    this.#isReplaced = false;
    void this.#watcher?.close();
    this.#watcher = null;
    if (wasThere) this.#options.onGone();
    if (now === null) return;
    try {
      void this.#open((path) => this.#options.onChange(path)).then(() => {
        if (!this.#isClosed) this.#options.onBack();
      });
    } catch {
      // Gone again: the next look finds out.
      this.#identity = null;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#watcher?.close();
  }
}
