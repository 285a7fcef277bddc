import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FunctionWatch } from '../../../src/cli/function-reload.ts';
import { ServedFunctions } from '../../../src/cli/served-functions.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { FunctionPool } from '../../../src/js/serve/function-pool.ts';
import { buildLocal } from './local-sandbox.ts';

const LIMIT = { timeout: 10_000 };

/** The functions of a project in a new directory, served with `--watch`. */
async function serveWatched(yaml: string) {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-reload-'));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  write('f.js', 'function handler() { return 1; }');
  write('gondolin.yaml', yaml);
  const lines: string[] = [];
  const say = (line: string) => void lines.push(line);
  const functions = new ServedFunctions({ size: 1, build: async () => buildLocal(), say });
  const readProject = () => loadConfig({ directory, env: {}, args: {} });
  const project = await readProject();
  for (const config of project.functions) await functions.add(config);
  const watch = await FunctionWatch.start({ functions, project, readProject, say });
  onTestFinished(async () => {
    await watch.close();
    await functions.close();
    rmSync(directory, { recursive: true });
  });
  const call = (name: string) => functions.pools.get(name)?.call(null) ?? 'absent';
  return { write, lines, call, functions };
}

it('serve --watch calls the new version once its file has changed, and the last one while it does not load', async () => {
  const { write, lines, call, functions } = await serveWatched(
    'functions: { f: { handler: ./f.js } }',
  );
  expect(await call('f')).toBe(1);
  write('f.js', 'function handler() { return 2; }');
  await expect.poll(() => call('f'), LIMIT).toBe(2);
  write('f.js', 'this is no JavaScript');
  await expect
    .poll(() => lines, LIMIT)
    .toContainEqual(expect.stringContaining('not reloaded: f: SyntaxError'));
  expect(await call('f')).toBe(2);
  write('f.js', 'function handler() { return 3; }');
  await expect.poll(() => call('f'), LIMIT).toBe(3);
  expect(functions.pools.get('f')?.sandboxes).toBe(1);
});

it('serve --watch takes over what changes in gondolin.yaml, and keeps what is served while that has a mistake', async () => {
  const { write, lines, call } = await serveWatched('functions: { f: { handler: ./f.js } }');
  const code = "import env from 'gondolin:env'; export function handler() { return env.WORD; }";
  write('g.js', code);
  write(
    'gondolin.yaml',
    'functions: { f: { handler: ./f.js }, g: { handler: ./g.js, env: { WORD: a } } }',
  );
  await expect.poll(() => call('g'), LIMIT).toBe('a');
  write('gondolin.yaml', 'functions: { g: { handler: ./g.js, env: { WORD: b } } }');
  await expect.poll(() => call('g'), LIMIT).toBe('b');
  expect(await call('f')).toBe('absent');
  write('gondolin.yaml', 'functions: { g: { handler: ./missing.js } }');
  await expect
    .poll(() => lines, LIMIT)
    .toContainEqual(expect.stringContaining('not reloaded: the project: '));
  expect(await call('g')).toBe('b');
  // The file of a function that was added is watched too.
  write('gondolin.yaml', 'functions: { g: { handler: ./g.js, env: { WORD: c } } }');
  await expect.poll(() => call('g'), LIMIT).toBe('c');
  write('g.js', code.replace('env.WORD', 'env.WORD + env.WORD'));
  await expect.poll(() => call('g'), LIMIT).toBe('cc');
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
