import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { watchFunctions } from '../../../src/cli/function-reload.ts';
import { readFunction } from '../../../src/cli/function-source.ts';
import type { FunctionConfig } from '../../../src/config/config.ts';
import { FunctionPool } from '../../../src/js/serve/function-pool.ts';
import { buildLocal } from './local-sandbox.ts';

const LIMIT = { timeout: 10_000 };

it('serve --watch calls the new version once its file has changed, and the last one while it does not load', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-reload-'));
  const handlerPath = join(directory, 'f.js');
  const write = (text: string) => writeFileSync(handlerPath, text);
  write('function handler() { return 1; }');
  const config: FunctionConfig = {
    ...{ name: 'f', handlerPath, env: {} },
    ...{ timeoutMs: 5_000, memoryBytes: 2 ** 24 },
  };
  const build = async () => buildLocal();
  const pool = new FunctionPool(await readFunction(config), { size: 1, maxWaiting: 9, build });
  const stderr = new PassThrough();
  let printed = '';
  stderr.on('data', (chunk) => {
    printed += chunk;
  });
  const watched = await watchFunctions([config], new Map([['f', pool]]), { stderr } as never);
  onTestFinished(async () => {
    await watched.close();
    await pool.close();
    rmSync(directory, { recursive: true });
  });
  expect(await pool.call(null)).toBe(1);
  write('function handler() { return 2; }');
  await expect.poll(() => pool.call(null), LIMIT).toBe(2);
  write('this is no JavaScript');
  await expect.poll(() => printed, LIMIT).toContain('not reloaded: f: SyntaxError');
  expect(await pool.call(null)).toBe(2);
  write('function handler() { return 3; }');
  await expect.poll(() => pool.call(null), LIMIT).toBe(3);
  expect(pool.sandboxes).toBe(1);
});

it('calls that run while a function is replaced end with the version they began with', async () => {
  const source = (result: number) => ({
    ...{ name: 'f', env: {}, timeoutMs: 5_000 },
    code: `export async function handler(ms) { await new Promise((done) => setTimeout(done, ms)); return ${result}; }`,
  });
  const build = async () => buildLocal();
  const pool = new FunctionPool(source(1), { size: 2, maxWaiting: 9, build });
  onTestFinished(() => pool.close());
  await pool.warm();
  const calls = [300, 300, 1].map((ms) => pool.call(ms));
  await pool.replace(source(2));
  expect(await pool.call(0)).toBe(2);
  // The third had no sandbox yet.
  expect(await Promise.all(calls)).toEqual([1, 1, 2]);
  expect(await Promise.all([pool.call(1), pool.call(1), pool.call(1)])).toEqual([2, 2, 2]);
  expect(pool.sandboxes).toBeLessThanOrEqual(2);
});
