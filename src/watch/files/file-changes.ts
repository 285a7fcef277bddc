import type { GondolinError } from '../../errors/gondolin-error.ts';
import { ContentIndex } from './content-index.ts';
import { FileTree } from './file-tree.ts';
import { isGitAtWork } from './git-lock.ts';
import { findRepository, IgnoreRules } from './ignore-rules.ts';

/** A directory or file of the host to watch. */
export interface WatchedRoot {
  readonly path: string;
  /** Patterns that never count, as in `.gitignore`, and the directory at which they start; null watches everything. */
  readonly ignore: { readonly patterns: readonly string[]; readonly base: string } | null;
}

export interface FileChangesOptions {
  readonly roots: readonly WatchedRoot[];
  /** Quiet time after which several changes count as one. */
  readonly debounceMs: number;
  /** Whether a guest was the last to change a path. */
  readonly isOwn: (path: string) => boolean | Promise<boolean>;
  /** Receives the paths whose contents changed, each batch once. */
  readonly onBatch: (paths: readonly string[]) => void;
  /** Receives lines about roots that vanish and return. */
  readonly onNotice: (message: string) => void;
  readonly onError: (error: GondolinError) => void;
}

/** A single complete file is a save: it need not wait for others as long as a batch does. */
const QUICK_SHARE = 5;
/** Changes that never stop are reported all the same. */
const MAX_WAIT_MS = 10_000;
/** Time between two looks at a git that works, or at a root that is gone. */
const HELD_MS = 50;
/** chokidar drops a second event of a path within 50 ms of the first: each path is compared once more after that. */
const DROPPED_WITHIN_MS = 60;

/**
 * Reports changes of contents below the roots, in batches: one for a save, one for a checkout of thousands of files. It ignores
 * changed times, what guests wrote, and what editors write beside a file.
 */
export class FileChanges {
  readonly #options: FileChangesOptions;
  readonly #index = new ContentIndex();
  readonly #trees: readonly FileTree[];
  readonly #repositories: readonly string[];
  readonly #rules: readonly IgnoreRules[];
  readonly #closing = new AbortController();
  /** Paths with events, not compared yet. */
  readonly #pending = new Set<string>();
  /** Paths that changed, not reported yet, and whether each is a file with content. */
  readonly #changed = new Map<string, boolean>();
  #firstAtMs = 0;
  #lastAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isComparing = false;
  /** When to compare paths once more, the next one first. */
  readonly #againAtMs = new Map<string, number>();
  #againTimer: NodeJS.Timeout | null = null;
  /** Resolves once everything is watched. */
  readonly ready: Promise<void>;
  /** Resolves once the contents are known: until then the first change of a time counts. */
  readonly isRead: Promise<void>;

  constructor(options: FileChangesOptions) {
    this.#options = options;
    const rules: IgnoreRules[] = [];
    this.#rules = rules;
    this.#trees = options.roots.map((root) => this.#watch(root, rules));
    const found = options.roots.map(({ path }) => findRepository(path));
    this.#repositories = [...new Set(found.filter((path) => path !== null))];
    this.ready = Promise.all(this.#trees.map(({ ready }) => ready)).then(() => undefined);
    this.isRead = this.ready.then(() => this.#index.readPrimed(this.#closing.signal));
  }

  #watch({ path, ignore }: WatchedRoot, all: IgnoreRules[]): FileTree {
    const rules = ignore === null ? null : new IgnoreRules({ root: path, ...ignore });
    if (rules !== null) all.push(rules);
    const { onNotice, onError } = this.#options;
    return new FileTree({
      root: path,
      isIgnored: (name, isDirectory) => rules?.isIgnored(name, isDirectory) ?? false,
      onFound: (name, stats) => this.#index.prime(name, stats),
      onChange: (name) => this.#note(name),
      onGone: () => onNotice(`${path} is gone: waiting for it`),
      onBack: () => {
        onNotice(`${path} is there again`);
        for (const name of this.#index.below(path)) this.#note(name);
      },
      onError,
    });
  }

  #note(path: string): void {
    if (this.#closing.signal.aborted) return;
    const now = performance.now();
    if (this.#pending.size + this.#changed.size === 0) this.#firstAtMs = now;
    this.#pending.add(path);
    this.#lastAtMs = now;
    this.#schedule(this.#options.debounceMs / QUICK_SHARE);
    if (!this.#againAtMs.has(path)) this.#againAtMs.set(path, now + DROPPED_WITHIN_MS);
    this.#againTimer ??= setTimeout(() => this.#lookAgain(), DROPPED_WITHIN_MS).unref();
  }

  /** Compares what had an event a while ago: a later event of it may have been dropped. */
  #lookAgain(): void {
    this.#againTimer = null;
    const now = performance.now();
    const wasIdle = this.#pending.size + this.#changed.size === 0;
    for (const [path, dueAtMs] of this.#againAtMs) {
      if (dueAtMs > now) {
        this.#againTimer = setTimeout(() => this.#lookAgain(), dueAtMs - now).unref();
        break;
      }
      this.#againAtMs.delete(path);
      this.#pending.add(path);
    }
    if (this.#pending.size === 0) return;
    if (wasIdle) this.#firstAtMs = now;
    if (this.#timer === null) this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#look();
    }, delayMs);
  }

  async #look(): Promise<void> {
    // The one that is under way looks again.
    if (this.#isComparing) return;
    this.#isComparing = true;
    try {
      // What a root contained that is gone for a moment did not change.
      if (this.#isWhole()) await this.#compare();
    } finally {
      this.#isComparing = false;
    }
    if (this.#closing.signal.aborted) return;
    const waitMs = this.#remainingMs();
    if (waitMs === null) return;
    if (waitMs > 0) this.#schedule(waitMs);
    else this.#report();
  }

  async #compare(): Promise<void> {
    const paths = [...this.#pending];
    this.#pending.clear();
    const { isOwn } = this.#options;
    for (const path of paths) {
      if (path.endsWith('/.gitignore')) for (const rules of this.#rules) rules.forget();
      const { hasChanged, isWhole } = await this.#index.compare(path, () => isOwn(path));
      if (hasChanged) this.#changed.set(path, isWhole);
    }
  }

  /** Time to wait before what changed is reported; null when nothing did. */
  #remainingMs(): number | null {
    const { debounceMs } = this.#options;
    const quickMs = debounceMs / QUICK_SHARE;
    if (this.#pending.size > 0) return Math.max(quickMs, this.#isWhole() ? 0 : HELD_MS);
    if (this.#changed.size === 0) return null;
    if (this.#repositories.some(isGitAtWork)) return HELD_MS;
    const now = performance.now();
    if (now - this.#firstAtMs > MAX_WAIT_MS) return 0;
    const isOneSave = this.#changed.size === 1 && [...this.#changed.values()].every(Boolean);
    return Math.max(0, (isOneSave ? quickMs : debounceMs) - (now - this.#lastAtMs));
  }

  /** False while a root that was there is gone. */
  #isWhole(): boolean {
    return this.#trees.every(({ isGone }) => !isGone);
  }

  #report(): void {
    const paths = [...this.#changed.keys()].toSorted();
    this.#changed.clear();
    this.#options.onBatch(paths);
  }

  /** Stops watching. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#againTimer !== null) clearTimeout(this.#againTimer);
    await Promise.all(this.#trees.map((tree) => tree.close()));
  }
}
