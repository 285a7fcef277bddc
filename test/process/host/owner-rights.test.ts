import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const ARGV = [
  '--import',
  join(ROOT, 'node_modules/tsx/dist/esm/index.mjs'),
  join(ROOT, 'test/fixtures/owner-rights.ts'),
];
const NOBODY = 65_534;

/** A file of mode 0444, of a user who is not root. */
function readOnlyFile(): { readonly path: string; readonly user: { uid?: number } } {
  const directory = temporaryDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'content');
  chmodSync(path, 0o444);
  if (process.getuid?.() !== 0) return { path, user: {} };
  chmodSync(directory, 0o755);
  chownSync(path, NOBODY, NOBODY);
  return { path, user: { uid: NOBODY } };
}

/** Resolves once the file has that mode. */
function hasMode(path: string, mode: number): Promise<void> {
  return new Promise((done) => {
    const look = () => {
      if ((statSync(path).mode & 0o777) === mode) done();
    };
    const watcher = watch(path, look);
    onTestFinished(() => watcher.close());
    look();
  });
}

it('a read-only file of ours can be written and keeps its mode', () => {
  const { path, user } = readOnlyFile();
  const { status, stderr } = spawnSync(process.execPath, [...ARGV, path, 'write'], user);
  expect(status, stderr.toString()).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe('written');
  expect(statSync(path).mode & 0o777).toBe(0o444);
});

it('a process that is killed while a file has its owner’s rights leaves the mode it had', async () => {
  const { path, user } = readOnlyFile();
  const { signal } = spawnSync(process.execPath, [...ARGV, path, 'die'], user);
  expect(signal).toBe('SIGKILL');
  await hasMode(path, 0o444);
  expect(readFileSync(path, 'utf8')).toBe('content');
});
