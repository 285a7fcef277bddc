import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CLI = [
  ...['--import', resolve(ROOT, 'node_modules/tsx/dist/esm/index.mjs')],
  resolve(ROOT, 'src/cli/bin.ts'),
];

function run(cwd: string): Promise<string> {
  return new Promise((done, fail) => {
    const args = [...CLI, 'run', '--progress', 'plain'];
    const env = { ...process.env, CI: '1', NO_COLOR: '1' };
    execFile(process.execPath, args, { cwd, env }, (error, stdout, stderr) => {
      if (error === null) done(stdout);
      else fail(new Error(`${stdout}\n${stderr}`, { cause: error }));
    });
  });
}

it('examples/postgres answers from its restored server, and loads a changed seed.sql anew', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'gondolin-postgres-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  cpSync(join(ROOT, 'examples/postgres'), cwd, { recursive: true });
  const first = await run(cwd);
  expect(first).toMatch(/^=> db database: saved in /m);
  const second = await run(cwd);
  expect(second).toContain('=> db database: cached');
  for (const text of [first, second]) expect(text).toContain('[db query]  paid   |   200');
  appendFileSync(join(cwd, 'seed.sql'), 'UPDATE orders SET cents = 1 WHERE id = 100000;\n');
  const third = await run(cwd);
  expect(third).toContain('=> db database: not cached: input seed.sql changed');
  expect(third).toContain('[db query]  paid   |     1');
}, 600_000);
