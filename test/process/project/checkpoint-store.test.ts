import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tryLockDirectory } from '../../../src/host/directory-lock.ts';
import { tryLockFile } from '../../../src/host/file-lock.ts';
import type { CheckpointFacts } from '../../../src/project/checkpoint/checkpoint-facts.ts';
import { CheckpointStore } from '../../../src/project/checkpoint/checkpoint-store.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const KEYS = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
const [A = '', B = '', C = ''] = KEYS;
const ADDING = { isReplacing: false };

function facts(key: string): CheckpointFacts {
  const steps = [
    { status: 'succeeded', exitCode: 0, durationMs: 1, reason: null, outputs: {} },
  ] as const;
  return { version: 1, key, project: 'shop', sandbox: 'test', step: 's', createdAtMs: 1, steps };
}

/** A machine of some KiB that are on the disk. */
function machine(text: string, sizeBytes = 64 * 1024) {
  return async (directory: string) => {
    writeFileSync(join(directory, 'ram'), Buffer.alloc(sizeBytes, text));
  };
}

function newStore() {
  const parent = join(temporaryDirectory(), 'checkpoints');
  return { parent, store: new CheckpointStore(parent) };
}

it('find() returns null before add() and the machine with its steps afterwards', async () => {
  const { parent, store } = newStore();
  expect(await store.find(A, 1)).toBeNull();
  const outcome = await store.add(facts(A), machine('x'), ADDING);
  expect(outcome).toMatchObject({ kind: 'saved' });
  expect(outcome.kind === 'saved' && outcome.diskBytes).toBeGreaterThanOrEqual(64 * 1024);
  const found = await store.find(A, 1);
  expect(found?.steps).toEqual(facts(A).steps);
  expect(readdirSync(found?.machineDirectory ?? '')).toEqual(['ram']);
  expect(readdirSync(parent).filter((name) => name.startsWith('tmp-'))).toEqual([]);
});

it('find() refuses a checkpoint that was cut off, of another key or of other steps', async () => {
  const { parent, store } = newStore();
  for (const key of KEYS) await store.add(facts(key), machine('x'), ADDING);
  truncateSync(join(parent, A, 'checkpoint.json'), 20);
  writeFileSync(join(parent, B, 'checkpoint.json'), JSON.stringify(facts(A)));
  for (const [key, steps] of [
    [A, 1],
    [B, 1],
    [C, 2],
  ] as const) {
    await expect(store.find(key, steps)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  }
});

it('a directory without its last file counts as absent and is replaced', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('x'), ADDING);
  rmSync(join(parent, A, 'checkpoint.json'));
  expect(await store.find(A, 1)).toBeNull();
  expect(await store.add(facts(A), machine('y'), ADDING)).toMatchObject({ kind: 'saved' });
  expect(await store.find(A, 1)).not.toBeNull();
});

it('add() keeps an existing checkpoint, or replaces it when asked', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('old'), ADDING);
  const never = () => Promise.reject(new Error('saved again'));
  expect(await store.add(facts(A), never, ADDING)).toEqual({ kind: 'existed' });
  await store.add(facts(A), machine('new'), { ...ADDING, isReplacing: true });
  expect(readFileSync(join(parent, A, 'machine/ram'), 'latin1').slice(0, 3)).toBe('new');
});

it('add() leaves nothing but the old checkpoint when saving fails', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('old'), ADDING);
  const full = async () => {
    const facts = { code: 'ENOSPC', syscall: 'write' };
    throw Object.assign(new Error('ENOSPC: no space left on device'), facts);
  };
  const failing = store.add(facts(A), full, { ...ADDING, isReplacing: true });
  await expect(failing).rejects.toMatchObject({ code: 'HOST_WRITE_FAILED' });
  expect(readdirSync(parent).toSorted()).toEqual([A, `${A}.lock`]);
  expect(await store.find(A, 1)).not.toBeNull();
});

it('add() does not wait for another gondolin that saves the same checkpoint', async () => {
  const { parent, store } = newStore();
  const lock = await tryLockFile(join(parent, `${A}.lock`), 'exclusive');
  expect(await store.add(facts(A), machine('x'), ADDING)).toEqual({ kind: 'busy' });
  lock?.release();
});

it('prune() removes by age, and a dry run only reports what would be removed', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('x'), ADDING);
  await store.add(facts(B), machine('x'), ADDING);
  utimesSync(join(parent, A), 1, 1);
  const old = { olderThanMs: 60_000 };
  expect((await store.prune({ ...old, isDryRun: true })).removed.map(({ name }) => name)).toEqual([
    A,
  ]);
  expect(existsSync(join(parent, A))).toBe(true);
  expect((await store.prune(old)).removed.map(({ name }) => name)).toEqual([A]);
  expect((await store.list()).map(({ name, facts: said }) => [name, said?.step])).toEqual([
    [B, 's'],
  ]);
  expect((await store.prune({ olderThanMs: 0 })).removed.map(({ name }) => name)).toEqual([B]);
  expect(await store.list()).toEqual([]);
});

it('prune() keeps and reports a checkpoint that a machine runs on', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('x'), ADDING);
  const lock = tryLockDirectory(join(parent, A, 'machine'), 'shared');
  const kept = await store.prune({ olderThanMs: 0 });
  expect([kept.removed, kept.inUse.map(({ name }) => name)]).toEqual([[], [A]]);
  lock?.release();
  expect((await store.prune({ olderThanMs: 0 })).removed.map(({ name }) => name)).toEqual([A]);
});

it('prune() also removes unused lock files and what killed runs left', async () => {
  const { parent, store } = newStore();
  await store.add(facts(A), machine('x'), ADDING);
  mkdirSync(join(parent, 'tmp-1-1-1-dead'));
  await store.prune({ olderThanMs: 0 });
  expect(readdirSync(parent).filter((name) => name !== 'tmp-1-1-1-dead')).toEqual([]);
});
