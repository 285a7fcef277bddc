import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureEntry, type HeldEntry } from '../../../src/image/cache/entry.ts';
import { entryPlace } from '../../../src/image/cache/layout.ts';
import { listImages } from '../../../src/image/list-images.ts';
import { pruneImages } from '../../../src/image/prune-images.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const HOUR_MS = 3_600_000;

async function addEntry(cacheDirectory: string, key: string, ageMs = 0): Promise<HeldEntry> {
  const place = entryPlace(cacheDirectory, 'rootfs', key);
  const held = await ensureEntry(place, {
    signal: new AbortController().signal,
    onEvent: () => undefined,
    build: (directory) => {
      writeFileSync(join(directory, 'rootfs.squashfs'), 'x'.repeat(1000));
      return Promise.resolve({ title: 'debian bookworm', kernelRelease: '' });
    },
  });
  const usedAt = new Date(Date.now() - ageMs);
  utimesSync(place.directory, usedAt, usedAt);
  return held;
}

/** Two entries that nobody uses, one of them two hours old. */
async function prepare(): Promise<string> {
  const cacheDirectory = temporaryDirectory();
  (await addEntry(cacheDirectory, OLD, 2 * HOUR_MS)).lock.release();
  (await addEntry(cacheDirectory, NEW)).lock.release();
  return cacheDirectory;
}

const keysOf = (entries: readonly { key: string }[]): string[] => entries.map(({ key }) => key);

it('listImages() gives kind, title, size and times, the longest unused first', async () => {
  const cacheDirectory = await prepare();
  const entries = await listImages(cacheDirectory);
  expect(keysOf(entries)).toEqual([OLD, NEW]);
  expect(entries[0]).toMatchObject({ kind: 'rootfs', title: 'debian bookworm' });
  expect(entries[0]?.sizeBytes).toBeGreaterThan(1000);
  expect(entries[0]?.lastUsedAtMs).toBeLessThan(Date.now() - HOUR_MS);
  expect(entries[0]?.createdAtMs).toBeGreaterThan(Date.now() - HOUR_MS);
});

it('listImages() is empty when there is no cache, and passes over names that are no keys', async () => {
  const cacheDirectory = temporaryDirectory();
  await expect(listImages(cacheDirectory)).resolves.toEqual([]);
  mkdirSync(join(cacheDirectory, 'images/rootfs/notes'), { recursive: true });
  await expect(listImages(cacheDirectory)).resolves.toEqual([]);
});

it('listImages() gives a damaged entry without a title', async () => {
  const cacheDirectory = await prepare();
  rmSync(join(entryPlace(cacheDirectory, 'rootfs', OLD).directory, 'manifest.json'));
  expect((await listImages(cacheDirectory)).map(({ title }) => title).toSorted()).toEqual([
    'debian bookworm',
    null,
  ]);
});

it('pruneImages() removes what was not used for longer than olderThanMs', async () => {
  const cacheDirectory = await prepare();
  const result = await pruneImages(cacheDirectory, { olderThanMs: HOUR_MS });
  expect(keysOf(result.removed)).toEqual([OLD]);
  expect(result.freedBytes).toBeGreaterThan(1000);
  expect(keysOf(await listImages(cacheDirectory))).toEqual([NEW]);
});

it('pruneImages() removes nothing when neither age nor all is given', async () => {
  const cacheDirectory = await prepare();
  const result = await pruneImages(cacheDirectory);
  expect(result).toMatchObject({ removed: [], inUse: [], freedBytes: 0 });
  expect(await listImages(cacheDirectory)).toHaveLength(2);
});

it('pruneImages() keeps keepKeys when all is given', async () => {
  const cacheDirectory = await prepare();
  await pruneImages(cacheDirectory, { all: true, keepKeys: [OLD] });
  expect(keysOf(await listImages(cacheDirectory))).toEqual([OLD]);
});

it('pruneImages() only tells when dryRun is given', async () => {
  const cacheDirectory = await prepare();
  const result = await pruneImages(cacheDirectory, { all: true, dryRun: true });
  expect(keysOf(result.removed)).toEqual([OLD, NEW]);
  expect(await listImages(cacheDirectory)).toHaveLength(2);
});

it('pruneImages() leaves an entry that is in use until it is released', async () => {
  const cacheDirectory = temporaryDirectory();
  const held = await addEntry(cacheDirectory, OLD, 2 * HOUR_MS);
  const result = await pruneImages(cacheDirectory, { all: true });
  expect(result.removed).toEqual([]);
  expect(keysOf(result.inUse)).toEqual([OLD]);
  held.lock.release();
  expect(keysOf((await pruneImages(cacheDirectory, { all: true })).removed)).toEqual([OLD]);
  expect(existsSync(held.place.directory)).toBe(false);
});

it('pruneImages() sweeps what ended runs left half-written, and keeps what a live one writes', async () => {
  const cacheDirectory = await prepare();
  const parent = entryPlace(cacheDirectory, 'rootfs', OLD).parent;
  const { identifyOwnProcess } = await import('../../../src/host/process-life.ts');
  const { pid, startTicks, pidNamespace } = identifyOwnProcess();
  const live = `tmp-${pidNamespace}-${pid}-${startTicks}-aabbccddeeff`;
  const dead = `tmp-${pidNamespace}-${pid}-${startTicks + 1}-aabbccddeeff`;
  mkdirSync(join(parent, live));
  mkdirSync(join(parent, dead, 'mmdebstrap.x/proc'), { recursive: true });
  expect((await pruneImages(cacheDirectory)).leftovers).toEqual([dead]);
  expect(existsSync(join(parent, live))).toBe(true);
  expect(existsSync(join(parent, dead))).toBe(false);
});

it('pruneImages() removes logs of failed builds with the entries', async () => {
  const cacheDirectory = await prepare();
  const log = join(cacheDirectory, 'images/logs/rootfs-x.log');
  mkdirSync(join(cacheDirectory, 'images/logs'));
  writeFileSync(log, '');
  await pruneImages(cacheDirectory, { olderThanMs: HOUR_MS });
  expect(existsSync(log)).toBe(true);
  await pruneImages(cacheDirectory, { all: true });
  expect(existsSync(log)).toBe(false);
});
