import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lockFile, tryLockFile } from '../../../src/host/file-lock.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

async function otherHolder(file: string, kind: 'shared' | 'exclusive') {
  const args = ['--import', 'tsx', 'test/fixtures/lock-holder.ts', file, kind];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

it('lockFile() excludes a second exclusive lock until release()', async () => {
  const file = join(temporaryDirectory(), 'a.lock');
  const lock = await lockFile(file, 'exclusive');
  expect(await tryLockFile(file, 'exclusive')).toBeNull();
  expect(await tryLockFile(file, 'shared')).toBeNull();
  lock.release();
  lock.release();
  const next = await tryLockFile(file, 'exclusive');
  expect(next).not.toBeNull();
  next?.release();
  expect(existsSync(file)).toBe(true);
});

it('lockFile() admits any number of shared locks and no exclusive one beside them', async () => {
  const file = join(temporaryDirectory(), 'a.lock');
  const readers = await Promise.all([lockFile(file, 'shared'), lockFile(file, 'shared')]);
  expect(await tryLockFile(file, 'exclusive')).toBeNull();
  for (const reader of readers) reader.release();
  (await lockFile(file, 'exclusive')).release();
});

it('lockFile() makes the missing directories of the lock file', async () => {
  const file = join(temporaryDirectory(), 'x/y/a.lock');
  (await lockFile(file, 'exclusive')).release();
  expect(existsSync(file)).toBe(true);
});

it('lockFile() names the process it waits for, and gets the lock when that is killed', async () => {
  const file = join(temporaryDirectory(), 'a.lock');
  const holder = await otherHolder(file, 'exclusive');
  const waits: (number | null)[] = [];
  const lock = await lockFile(file, 'exclusive', {
    onWait(pid) {
      waits.push(pid);
      holder.kill('SIGKILL');
    },
  });
  expect(waits).toEqual([holder.pid]);
  lock.release();
});

it('lockFile() waits for shared holders of other processes too', async () => {
  const file = join(temporaryDirectory(), 'a.lock');
  const holder = await otherHolder(file, 'shared');
  (await lockFile(file, 'shared')).release();
  const onWait = () => void holder.kill('SIGKILL');
  (await lockFile(file, 'exclusive', { onWait })).release();
});

it('lockFile() rejects with the reason when it is aborted while waiting, and before', async () => {
  const file = join(temporaryDirectory(), 'a.lock');
  const lock = await lockFile(file, 'exclusive');
  const controller = new AbortController();
  const { signal } = controller;
  const onWait = () => controller.abort(new Error('enough'));
  await expect(lockFile(file, 'exclusive', { signal, onWait })).rejects.toThrow('enough');
  lock.release();
  await expect(lockFile(file, 'exclusive', { signal })).rejects.toThrow('enough');
  (await lockFile(file, 'exclusive')).release();
});

it('lockFile() says which file it cannot open', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'a.lock');
  mkdirSync(file);
  await expect(lockFile(file, 'exclusive')).rejects.toMatchObject({
    code: 'HOST_LOCK_FAILED',
    details: { path: file },
  });
  writeFileSync(join(directory, 'plain'), '');
  await expect(lockFile(join(directory, 'plain/a.lock'), 'shared')).rejects.toMatchObject({
    code: 'HOST_DIRECTORY_UNUSABLE',
  });
});
