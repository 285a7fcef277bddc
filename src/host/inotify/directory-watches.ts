import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { confine, LEAST_CONFINED } from '../confine.ts';
import { addInotifyWatch, openInotify, removeInotifyWatch } from '../libc.ts';
import { IN, InotifyDecoder, type InotifyEvent } from './inotify-event.ts';
import { watchLimit } from './watch-limit.ts';

/** Receives the events of one directory, and null when events were lost: anything may have changed. Must not throw. */
export type DirectoryListener = (event: InotifyEvent | null) => void;

export interface DirectoryWatch {
  /** Ends it. May be called twice. */
  close(): void;
}

const O_CLOEXEC = 0o2000000;
const IN_ONLYDIR = 0x0100_0000;
const OF_NAMES = IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE;
const OF_FILES = IN.MODIFY | IN.ATTRIB | IN.CLOSE_WRITE;
const MASK = OF_NAMES | OF_FILES | IN.DELETE_SELF | IN.MOVE_SELF | IN_ONLYDIR;
/** Events that come together are taken together: a program that writes makes several for each file. */
const PAUSE_MS = 4;
/** Part of the watches that the kernel allows the user: editors and others need theirs. */
const SHARE = 0.5;
const MAX_WATCHES = 262_144;
/** Before what failed is tried again. */
const RETRY_MS = 100;
const CAT = '/bin/cat';

/**
 * Watches of directories, one inotify instance for the whole process. Node cannot wait for a descriptor of inotify (its
 * `fs.watch` hides lost events, and which event it was), so `cat` waits for it and passes the events on through a pipe: it
 * costs no thread of the pool, and ends with this process.
 */
export class DirectoryWatches {
  readonly #listeners = new Map<number, Set<DirectoryListener>>();
  #inotify = -1;
  #reader: ChildProcess | null = null;
  #limit: number | null = null;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  /** Directories that are watched. */
  get size(): number {
    return this.#listeners.size;
  }

  /**
   * Watches a directory from now on, also under other names.
   * @param fd  Descriptor of the directory; O_PATH will do. It may be closed afterwards.
   * @returns null when it cannot be watched: the limits of this user are used up, or the directory is not readable.
   */
  add(fd: number, listener: DirectoryListener): DirectoryWatch | null {
    if (this.size >= this.#maxWatches() || !this.#open()) return null;
    let watch: number;
    try {
      watch = addInotifyWatch(this.#inotify, fd, MASK);
    } catch {
      // ENOSPC, EACCES.
      return null;
    }
    const listeners = this.#listeners.get(watch) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(watch, listeners);
    return { close: () => this.#remove(watch, listeners, listener) };
  }

  #maxWatches(): number {
    this.#limit ??= Math.min(MAX_WATCHES, Math.floor(watchLimit() * SHARE));
    return this.#limit;
  }

  /** Returns false when this user has too many instances of inotify; tries again after a while. */
  #open(): boolean {
    if (this.#inotify !== -1) return true;
    if (performance.now() - this.#failedAtMs < RETRY_MS) return false;
    try {
      this.#inotify = openInotify(O_CLOEXEC);
      this.#startReader();
      return true;
    } catch {
      this.#failedAtMs = performance.now();
      this.#stop();
      return false;
    }
  }

  #startReader(): void {
    const { file, args } = confine({ file: CAT, args: [] }, LEAST_CONFINED);
    const stdio: StdioOptions = [this.#inotify, 'pipe', 'ignore'];
    const reader = spawn(file, args, { stdio, detached: true, env: {} });
    this.#reader = reader;
    // They do not keep the process alive.
    reader.unref();
    const output = reader.stdout as Readable & { unref(): void };
    output.unref();
    reader.on('error', () => this.#ended(reader));
    reader.on('exit', () => this.#ended(reader));
    this.#receive(reader, output);
  }

  /** Takes all that has come at once: as `data` events each part would come alone, with a pause after it. */
  #receive(reader: ChildProcess, output: Readable): void {
    const decoder = new InotifyDecoder();
    let isPausing = false;
    const take = () => {
      isPausing = false;
      const bytes = output.read() as Buffer | null;
      // Events of a closed instance are dropped: the new one reuses its watch numbers.
      if (bytes === null || reader !== this.#reader) return;
      for (const event of decoder.push(bytes)) this.#dispatch(event);
      isPausing = true;
      setTimeout(take, PAUSE_MS).unref();
    };
    output.on('readable', () => {
      if (!isPausing) take();
    });
  }

  /** Somebody ended the reader: the kernel keeps later events, but one that it had read may be lost. */
  #ended(reader: ChildProcess): void {
    if (reader !== this.#reader) return;
    this.#reader = null;
    setTimeout(() => this.#restart(), RETRY_MS).unref();
  }

  #restart(): void {
    if (this.#inotify === -1 || this.#reader !== null) return;
    try {
      this.#startReader();
    } catch {
      setTimeout(() => this.#restart(), RETRY_MS).unref();
    }
    this.#tellAll();
  }

  #dispatch(event: InotifyEvent): void {
    if ((event.mask & IN.Q_OVERFLOW) !== 0) {
      this.#tellAll();
      return;
    }
    const listeners = this.#listeners.get(event.watch);
    if (listeners === undefined) return;
    if ((event.mask & IN.IGNORED) !== 0) this.#listeners.delete(event.watch);
    for (const listener of [...listeners]) listener(event);
  }

  #tellAll(): void {
    for (const listeners of [...this.#listeners.values()])
      for (const listener of [...listeners]) listener(null);
  }

  #remove(watch: number, listeners: Set<DirectoryListener>, listener: DirectoryListener): void {
    listeners.delete(listener);
    if (listeners.size > 0 || this.#listeners.get(watch) !== listeners) return;
    this.#listeners.delete(watch);
    removeInotifyWatch(this.#inotify, watch);
    if (this.size === 0) this.#stop();
  }

  #stop(): void {
    const reader = this.#reader;
    this.#reader = null;
    if (this.#inotify !== -1) closeSync(this.#inotify);
    this.#inotify = -1;
    reader?.kill('SIGKILL');
  }
}

/** Those of this process. */
export const directoryWatches: DirectoryWatches = new DirectoryWatches();
