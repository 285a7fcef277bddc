import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const TSX = resolve(ROOT, 'node_modules/tsx/dist/esm/index.mjs');
const CLI = ['--import', TSX, resolve(ROOT, 'src/cli/bin.ts')];

function gondolin(args: readonly string[], stdout: 'pipe' | number = 'pipe') {
  const cwd = mkdtempSync(join(tmpdir(), 'gondolin-output-'));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const env = { ...process.env, XDG_CACHE_HOME: cwd, XDG_STATE_HOME: cwd, NO_COLOR: '1' };
  const run = (words: readonly string[]) =>
    spawnSync(process.execPath, [...CLI, ...words], {
      ...{ cwd, env, encoding: 'utf8' as const },
      stdio: ['ignore', stdout, 'pipe'] as const,
    });
  return { cwd, run, first: run(args) };
}

it('init writes a file that plan accepts, and refuses to overwrite it without --force', () => {
  const { cwd, run, first } = gondolin(['init']);
  expect(first.status, first.stderr).toBe(0);
  const written = readFileSync(join(cwd, 'gondolin.yaml'), 'utf8');
  expect(run(['plan']).status).toBe(0);
  const second = run(['init']);
  const code = 'CLI_FILE_EXISTS';
  expect(second.stderr).toContain(code);
  expect(second.status).toBe(2);
  expect(readFileSync(join(cwd, 'gondolin.yaml'), 'utf8')).toBe(written);
  expect(run(['init', '--force']).status).toBe(0);
});

it('an output that cannot be written is an error, not a success', () => {
  const { first } = gondolin(['doctor'], openSync('/dev/full', 'w'));
  const code = 'CLI_OUTPUT_FAILED';
  expect(first.stderr).toContain(code);
  expect(first.status).not.toBe(0);
});
