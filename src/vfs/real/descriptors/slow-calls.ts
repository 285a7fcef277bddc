import { close, closeSync, fstatSync, ftruncate } from 'node:fs';
import { promisify } from 'node:util';
import { O_RDWR } from '../../file-mode.ts';
import { closeDescriptors, openRegular } from './open-regular.ts';

/** Threads of libuv's pool (of four) for guests' slow calls: the others look up names and read files. */
const MAX_AT_ONCE = 3;
/** Threads for one provider: when its disk is slow or hangs, one is left for other providers. */
const MAX_OF_ONE = 2;
/** Freeing this much takes a file system tens of milliseconds. */
const LARGE_BYTES = 64 * 2 ** 20;
const BLOCK_BYTES = 512;

/** Providers with waiting calls, in the order they are served. */
const waiting = new Set<SlowCalls>();
let running = 0;

/** Runs the calls of one provider that may be slow in libuv's pool, a few at a time. */
export class SlowCalls {
  readonly #queue: (() => Promise<void>)[] = [];
  #running = 0;

  /** Runs `call`, which uses one thread of the pool, once there is room for it. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push(async () => {
        try {
          const result = await call();
          this.#ended();
          resolve(result);
        } catch (error) {
          this.#ended();
          reject(error as Error);
        }
      });
      waiting.add(this);
      startWaiting();
    });
  }

  /** Starts the first waiting call. @returns true when more calls wait. */
  startNext(): boolean {
    if (this.#running >= MAX_OF_ONE) return false;
    const call = this.#queue.shift();
    if (call === undefined) return false;
    this.#running++;
    running++;
    void call();
    return this.#queue.length > 0;
  }

  #ended(): void {
    this.#running--;
    running--;
    if (this.#queue.length > 0) waiting.add(this);
    startWaiting();
  }

  /**
   * Shrinks a large file to `sizeBytes`. Returns null for others, whose ftruncate(2) is quick and left to the caller.
   * @param pathFd  O_PATH descriptor of a regular file; the call opens its own, since a handle can be released meanwhile.
   */
  shrinkLarge(pathFd: number, sizeBytes: number): Promise<void> | null {
    const { size } = fstatSync(pathFd);
    if (!isLarge(pathFd) || size <= sizeBytes) return null;
    const opened = openRegular(pathFd, O_RDWR);
    return this.run(() => promisify(ftruncate)(opened.fd, sizeBytes)).finally(() =>
      closeDescriptors(opened),
    );
  }
}

/** Starts calls, one of each provider in turn, while threads are left. */
function startWaiting(): void {
  for (const calls of [...waiting]) {
    if (running >= MAX_AT_ONCE) return;
    waiting.delete(calls);
    if (calls.startNext()) waiting.add(calls);
  }
}

function isLarge(fd: number): boolean {
  return fstatSync(fd).blocks * BLOCK_BYTES >= LARGE_BYTES;
}

/** Closes a descriptor of a file without a name. The last one frees its blocks: in the pool when they are many. */
export function closeUnlinked(fd: number): void {
  if (isLarge(fd)) close(fd);
  else closeSync(fd);
}
