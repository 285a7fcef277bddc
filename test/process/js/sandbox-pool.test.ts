import { expect, it, onTestFinished } from 'vitest';
import {
  type LoadedJSSandbox,
  SandboxPool,
  type SandboxPoolOptions,
} from '../../../src/js/index.ts';
import { buildLocal } from './local-sandbox.ts';

/** A pool whose sandboxes run on this machine and are counted. */
function openPool(options: Partial<SandboxPoolOptions> = {}) {
  const made: LoadedJSSandbox[] = [];
  const pool = new SandboxPool({
    size: 2,
    load: async () => {
      const sandbox = await buildLocal().loadRuntime();
      sandbox.addHandler('count', 'let n = 0; export function handler() { n += 1; return n; }');
      const loaded = await sandbox.getLoadedSandbox();
      made.push(loaded);
      return loaded;
    },
    ...options,
  });
  onTestFinished(async () => {
    await pool.close();
    await Promise.all(made.map((loaded) => loaded.dispose()));
  });
  return { pool, made };
}

it('acquire() gives each caller a sandbox of its own, and the pool makes the next', async () => {
  const { pool, made } = openPool();
  await pool.ready();
  expect(pool.idle).toBe(2);
  const [first, second] = await Promise.all([pool.acquire(), pool.acquire()]);
  expect(await first.callHandler('count', null)).toBe(1);
  expect(await first.callHandler('count', null)).toBe(2);
  expect(await second.callHandler('count', null)).toBe(1);
  await pool.ready();
  expect(made).toHaveLength(4);
});

it('with maxSandboxes, acquire() waits until one is disposed, and at most for acquireTimeoutMs', async () => {
  const short = openPool({ size: 1, maxSandboxes: 1, acquireTimeoutMs: 50 });
  await short.pool.ready();
  await short.pool.acquire();
  await expect(short.pool.acquire()).rejects.toMatchObject({ code: 'POOL_EXHAUSTED' });
  const { pool } = openPool({ size: 1, maxSandboxes: 1 });
  const loaded = await pool.acquire();
  const next = pool.acquire();
  await loaded.dispose();
  expect(await (await next).callHandler('count', null)).toBe(1);
});

it('a waiting sandbox that ends is replaced, and onWarning says so', async () => {
  const warnings: string[] = [];
  const { pool, made } = openPool({ size: 1, onWarning: (message) => warnings.push(message) });
  await pool.ready();
  await made[0]?.dispose();
  await expect
    .poll(() => warnings, { timeout: 10_000 })
    .toEqual([expect.stringMatching(/ended while it waited/)]);
  const loaded = await pool.acquire();
  expect(loaded).not.toBe(made[0]);
  expect(await loaded.callHandler('count', null)).toBe(1);
});

it('close() ends those that wait and leaves those that were acquired', async () => {
  const { pool, made } = openPool();
  await pool.ready();
  const loaded = await pool.acquire();
  await pool.close();
  await pool.close();
  expect(await loaded.callHandler('count', null)).toBe(1);
  const others = made.filter((one) => one !== loaded);
  for (const other of others) {
    await expect(other.callHandler('count', null)).rejects.toMatchObject({
      code: 'ERR_GUEST_ABORT',
    });
  }
  await expect(pool.acquire()).rejects.toMatchObject({ code: 'POOL_CLOSED' });
});

it('what load() throws is what acquire() rejects with, and mistakes of options are ERR_INVALID_ARG', async () => {
  const failing = openPool({ load: () => Promise.reject(new TypeError('no handlers')) });
  await expect(failing.pool.acquire()).rejects.toThrow('no handlers');
  const wrong = openPool({ load: async () => 5 as never });
  await expect(wrong.pool.ready()).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  for (const options of [{ size: 0 }, { size: 257 }, { maxSandboxes: 1 }, { load: 1 as never }]) {
    expect(() => openPool(options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }) as Error,
    );
  }
});
