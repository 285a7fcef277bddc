import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { FunctionPool } from '../../../src/js/serve/function-pool.ts';
import { createFunctionServer } from '../../../src/js/serve/function-server.ts';
import { buildLocal } from './local-sandbox.ts';

const CODE = `import env from 'gondolin:env';
  let calls = 0;
  export async function handler(event) {
    if (event === 'spin') for (;;);
    if (event === 'throw') throw new Error('no luck');
    if (event?.sleepMs) await new Promise((done) => setTimeout(done, event.sleepMs));
    return { calls: ++calls, greeting: env.GREETING, event };
  }`;

async function serve({ size = 1, maxWaiting = 10, timeoutMs = 2_000, code = CODE } = {}) {
  const source = { name: 'f', code, env: { GREETING: 'hi' }, timeoutMs };
  const build = async () => buildLocal();
  const pool = new FunctionPool(source, { size, maxWaiting, build });
  const server = createFunctionServer({ functions: new Map([['f', pool]]), maxBodyBytes: 1000 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await pool.close();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = async (event: unknown, path = '/f') => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(event);
    const response = await fetch(`${base}${path}`, { method: 'POST', headers, body });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { base, post, pool };
}

it('POST /NAME gives the result, and keeps the sandbox for the next call', async () => {
  const { post } = await serve();
  expect(await post({ a: 1 })).toEqual({
    status: 200,
    body: { calls: 1, greeting: 'hi', event: { a: 1 } },
  });
  expect((await post(null)).body).toMatchObject({ calls: 2, event: null });
});

it('each mistake of a request has its status', async () => {
  const { base, post } = await serve();
  expect((await post(1, '/g')).status).toBe(404);
  expect((await post('x'.repeat(1000))).status).toBe(413);
  expect((await fetch(`${base}/f`)).status).toBe(405);
  const plain = { method: 'POST', body: '1', headers: { 'content-type': 'text/plain' } };
  expect((await fetch(`${base}/f`, plain)).status).toBe(415);
  const broken = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${base}/f`, broken)).status).toBe(400);
  expect(await post('throw')).toEqual({
    status: 500,
    body: { error: { code: 'ERR_INTERNAL', message: 'Error: no luck' } },
  });
});

it('a call over its limit is 504, and the next call finds the state after loading', async () => {
  const { post } = await serve({ timeoutMs: 800 });
  expect((await post(1)).body).toMatchObject({ calls: 1 });
  expect(await post('spin')).toMatchObject({
    status: 504,
    body: { error: { code: 'ERR_CANCELLED' } },
  });
  expect((await post(1)).body).toMatchObject({ calls: 1 });
});

it('calls share the sandboxes, wait for one, and are refused when too many wait', async () => {
  const { base, post, pool } = await serve({ size: 2, maxWaiting: 1 });
  await pool.warm();
  const all = await Promise.all(Array.from({ length: 6 }, () => post({ sleepMs: 300 })));
  const statuses = all.map(({ status }) => status).toSorted((a, b) => a - b);
  expect(statuses).toEqual([200, 200, 200, 503, 503, 503]);
  expect(all.find(({ status }) => status === 503)?.body).toMatchObject({
    error: { code: 'FUNCTIONS_BUSY' },
  });
  expect(pool.sandboxes).toBe(2);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  expect(metrics).toContain('gondolin_function_calls_total{function="f",outcome="ok"} 3');
  expect(metrics).toContain(
    'gondolin_function_calls_total{function="f",outcome="FUNCTIONS_BUSY"} 3',
  );
  expect(metrics).toContain('gondolin_function_sandboxes{function="f"} 2');
});

it('a function that does not load fails warm(), and does not count as a sandbox', async () => {
  const { pool } = await serve({ code: 'export const other = 1;' });
  await expect(pool.warm()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  expect(pool.sandboxes).toBe(0);
});
