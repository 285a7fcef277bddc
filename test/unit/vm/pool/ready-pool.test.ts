import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  type PoolItem,
  ReadyPool,
  type ReadyPoolOptions,
} from '../../../../src/vm/pool/ready-pool.ts';

/** An item that a test ends by `die`. */
class FakeItem implements PoolItem {
  readonly failure: Promise<never>;
  isEnded = false;
  die: (error: Error) => void = () => undefined;

  constructor() {
    this.failure = new Promise((_, reject) => {
      this.die = reject;
    });
    this.failure.catch(() => undefined);
  }

  async end(): Promise<void> {
    this.isEnded = true;
  }
}

/** A start that a test lets succeed or fail. */
interface FakeStart {
  readonly signal: AbortSignal;
  succeed(): Promise<FakeItem>;
  fail(error: Error): Promise<void>;
}

/** Lets everything happen that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

function open(options: Partial<ReadyPoolOptions<FakeItem>> = {}) {
  const starts: FakeStart[] = [];
  const failures: unknown[] = [];
  const start = (signal: AbortSignal) =>
    new Promise<FakeItem>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      starts.push({
        signal,
        succeed: async () => {
          const item = new FakeItem();
          resolve(item);
          await settle();
          return item;
        },
        fail: async (error) => {
          reject(error);
          await settle();
        },
      });
    });
  const pool = new ReadyPool<FakeItem>({
    ...{ size: 1, limit: 4, startsAtOnce: 2, waitMs: 1_000, start },
    onFailure: (error) => failures.push(error),
    ...options,
  });
  const next = () => {
    const [first] = starts.splice(0, 1);
    if (first === undefined) throw new Error('nothing is being started');
    return first;
  };
  return { pool, starts, failures, next };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('starts items one after another until size wait', async () => {
  const { pool, starts, next } = open({ size: 2 });
  expect(starts).toHaveLength(1);
  const ready = pool.ready();
  await next().succeed();
  expect(pool.idle).toBe(1);
  await next().succeed();
  await ready;
  expect(pool.idle).toBe(2);
  expect(starts).toHaveLength(0);
});

it('gives what waits at once, and starts another only when the taken item has had time for a first command', async () => {
  const { pool, starts, next } = open();
  const item = await next().succeed();
  expect(await pool.take(undefined)).toBe(item);
  expect(starts).toHaveLength(0);
  pool.settled();
  await vi.advanceTimersByTimeAsync(99);
  expect(starts).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(starts).toHaveLength(1);
});

it('starts another at once when somebody waits until all are ready', async () => {
  const { pool, next } = open();
  await next().succeed();
  await pool.take(undefined);
  pool.settled();
  const ready = pool.ready();
  await next().succeed();
  await ready;
  expect(pool.idle).toBe(1);
});

it('serves those who wait in the order they came, with as many starts at once as it may', async () => {
  const { pool, starts, next } = open({ limit: 10 });
  const order: number[] = [];
  const takes = [0, 1, 2].map((name) => pool.take(undefined).then(() => order.push(name)));
  expect(starts).toHaveLength(2);
  await next().succeed();
  expect(order).toEqual([0]);
  expect(starts).toHaveLength(2);
  await next().succeed();
  await next().succeed();
  await Promise.all(takes);
  expect(order).toEqual([0, 1, 2]);
});

it('waits at its limit until a taken item has ended', async () => {
  const { pool, starts, next } = open({ limit: 1 });
  await next().succeed();
  await pool.take(undefined);
  pool.settled();
  const second = pool.take(undefined);
  expect(starts).toHaveLength(0);
  pool.free();
  const item = await next().succeed();
  expect(await second).toBe(item);
});

it('ends a wait with POOL_EXHAUSTED that says how many are in use', async () => {
  const { pool, next } = open({ limit: 1 });
  await next().succeed();
  await pool.take(undefined);
  pool.settled();
  const late = expect(pool.take(undefined)).rejects.toMatchObject({
    code: 'POOL_EXHAUSTED',
    message: 'no VM was free within 1000 ms: 1 of at most 1 are in use, 0 starting',
  });
  await vi.advanceTimersByTimeAsync(1_000);
  await late;
});

it('ends a wait by its signal, and gives the item to the next who waits', async () => {
  const { pool, next } = open();
  const abort = new AbortController();
  const first = pool.take(abort.signal);
  const second = pool.take(undefined);
  const refused = expect(first).rejects.toThrow('no longer');
  abort.abort(new Error('no longer'));
  await refused;
  const item = await next().succeed();
  expect(await second).toBe(item);
  await expect(pool.take(abort.signal)).rejects.toThrow('no longer');
});

it('gives the error of a failed start to who has waited longest, and the others wait on', async () => {
  const { pool, failures, next } = open({ startsAtOnce: 1 });
  const first = pool.take(undefined);
  const second = pool.take(undefined);
  const refused = expect(first).rejects.toThrow('broken');
  await next().fail(new Error('broken'));
  await refused;
  expect(failures).toEqual([]);
  const item = await next().succeed();
  expect(await second).toBe(item);
});

it('pauses longer after each failure that nobody waits for, but starts at once for who comes', async () => {
  const { pool, starts, failures, next } = open();
  const ready = expect(pool.ready()).rejects.toThrow('broken');
  await next().fail(new Error('broken'));
  await ready;
  expect(starts).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(999);
  expect(starts).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  await next().fail(new Error('broken'));
  await vi.advanceTimersByTimeAsync(1_999);
  expect(starts).toHaveLength(0);
  expect(failures).toHaveLength(2);
  const take = pool.take(undefined);
  const item = await next().succeed();
  expect(await take).toBe(item);
});

it('ready() starts at once what a pause holds back, and rejects only for a failure that comes after it', async () => {
  const { pool, starts, next } = open();
  await next().fail(new Error('broken'));
  expect(starts).toHaveLength(0);
  const again = expect(pool.ready()).rejects.toThrow('still broken');
  await next().fail(new Error('still broken'));
  await again;
  expect(starts).toHaveLength(0);
  const ready = pool.ready();
  await next().succeed();
  await ready;
  expect(pool.idle).toBe(1);
});

it('replaces an item that ends while it waits, with a pause', async () => {
  const { pool, starts, failures, next } = open();
  const item = await next().succeed();
  item.die(new Error('gone'));
  await settle();
  expect(pool.idle).toBe(0);
  expect(item.isEnded).toBe(true);
  expect(failures).toMatchObject([{ message: 'gone' }]);
  expect(starts).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1_000);
  await next().succeed();
  expect(pool.idle).toBe(1);
});

it('close() ends what waits and what is being started, refuses who waits, and leaves the taken alone', async () => {
  const { pool, starts, next } = open({ size: 2 });
  const taken = await next().succeed();
  await next().succeed();
  expect(await pool.take(undefined)).toBe(taken);
  pool.settled();
  await vi.advanceTimersByTimeAsync(100);
  const waiting = await pool.take(undefined);
  expect(starts).toHaveLength(1);
  const third = expect(pool.take(undefined)).rejects.toMatchObject({ code: 'POOL_CLOSED' });
  const closed = pool.close();
  await third;
  await closed;
  expect(pool.close()).toBe(closed);
  expect(starts.every(({ signal }) => signal.aborted)).toBe(true);
  expect([taken.isEnded, waiting.isEnded]).toEqual([false, false]);
  await expect(pool.take(undefined)).rejects.toMatchObject({ code: 'POOL_CLOSED' });
  await expect(pool.ready()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
  pool.free();
  expect(pool.count).toBe(1);
});

it('close() ends an item whose start succeeds meanwhile', async () => {
  const item = new FakeItem();
  const pool = new ReadyPool<FakeItem>({
    ...{ size: 1, limit: 1, startsAtOnce: 1, waitMs: 1_000 },
    start: async () => item,
    onFailure: () => undefined,
  });
  await pool.close();
  expect(item.isEnded).toBe(true);
  expect(pool.idle).toBe(0);
});
