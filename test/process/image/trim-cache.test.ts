import {
  existsSync,
  mkdirSync,
  readdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { cacheLimitBytes } from '../../../src/host/cache-limit.ts';
import { tryLockDirectory } from '../../../src/host/directory-lock.ts';
import { tryLockFile } from '../../../src/host/file-lock.ts';
import { formatOwner, identifyProcess } from '../../../src/host/process-life.ts';
import { entryPlace } from '../../../src/image/cache/layout.ts';
import { keepCacheSmall, trimCache } from '../../../src/image/trim-cache.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const MIB = 2 ** 20;
const key = (digit: string) => digit.repeat(64);

/** A cache whose entries take a MiB each; `usedAt` is in seconds since 1970. */
function newCache() {
  const root = temporaryDirectory();
  const cacheDirectory = join(root, 'cache');
  const snapshotsDirectory = join(root, 'snapshots');
  const add = (path: string, usedAt: number, file = 'ram') => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    writeFileSync(join(path, file), Buffer.alloc(MIB, 1));
    utimesSync(path, usedAt, usedAt);
    return path;
  };
  return {
    ...{ cacheDirectory, snapshotsDirectory },
    image: (digit: string, usedAt: number) =>
      add(entryPlace(cacheDirectory, 'rootfs', key(digit)).directory, usedAt, 'rootfs.squashfs'),
    builder: (digit: string, usedAt: number) =>
      add(join(cacheDirectory, 'builders', key(digit)), usedAt, 'disk.img'),
    template: (digit: string, usedAt: number) =>
      add(join(cacheDirectory, 'templates', key(digit)), usedAt),
    checkpoint: (digit: string, usedAt: number) => {
      const path = join(cacheDirectory, 'checkpoints', key(digit));
      add(join(path, 'machine'), usedAt);
      utimesSync(path, usedAt, usedAt);
      return path;
    },
    snapshot: (name: string, usedAt: number) =>
      add(join(snapshotsDirectory, name, 'machine'), usedAt),
    trim: (limit: string, keep: readonly string[] = []) =>
      trimCache({
        ...{ cacheDirectory, keptDirectories: [snapshotsDirectory], keep },
        env: { GONDOLIN_CACHE_LIMIT: limit },
      }),
    left: () =>
      ['images/rootfs', 'builders', 'templates', 'checkpoints'].flatMap((name) =>
        namesIn(join(cacheDirectory, name)).map((entry) => entry[0]),
      ),
  };
}

function namesIn(directory: string): string[] {
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.filter((name) => /^[0-9a-f]{64}$/.test(name));
}

it('trimCache() removes the disks of Dockerfiles that no build uses', async () => {
  const cache = newCache();
  const used = cache.builder('a', 1);
  cache.builder('b', 2);
  cache.builder('c', 3);
  const lock = tryLockDirectory(used, 'shared');
  const { removed } = await cache.trim('3MiB');
  lock?.release();
  expect(removed).toMatchObject([{ kind: 'builder', key: key('b') }]);
  expect(cache.left()).toEqual(['a', 'c']);
});

it('trimCache() removes the longest unused of every kind until the rest fits', async () => {
  const cache = newCache();
  cache.template('a', 1);
  cache.image('b', 2);
  cache.checkpoint('c', 3);
  cache.image('d', 4);
  cache.template('e', 5);
  const { removed, usedBytes, limitBytes } = await cache.trim('2.5MiB');
  expect(removed.map(({ kind, key: [digit] }) => [kind, digit])).toEqual([
    ['template', 'a'],
    ['rootfs', 'b'],
    ['checkpoint', 'c'],
  ]);
  expect(cache.left()).toEqual(['d', 'e']);
  expect(limitBytes).toBe(2.5 * MIB);
  expect(usedBytes).toBeLessThanOrEqual(limitBytes);
});

it('trimCache() removes nothing in use, nothing that is to be kept, and no snapshot', async () => {
  const cache = newCache();
  const held = [cache.template('a', 1), join(cache.checkpoint('b', 2), 'machine')].map((path) =>
    tryLockDirectory(path, 'shared'),
  );
  cache.image('c', 3);
  const { useLockPath } = entryPlace(cache.cacheDirectory, 'rootfs', key('c'));
  held.push(await tryLockFile(useLockPath, 'shared'));
  cache.template('d', 4);
  cache.template('e', 5);
  cache.snapshot('mine', 0);
  const { removed } = await cache.trim('1MiB', [key('d')]);
  expect(removed.map(({ key: [digit] }) => digit)).toEqual(['e']);
  expect(cache.left()).toEqual(['c', 'a', 'd', 'b']);
  expect(readdirSync(cache.snapshotsDirectory)).toEqual(['mine']);
  for (const lock of held) lock?.release();
  await cache.trim('1MiB', [key('d')]);
  expect(cache.left()).toEqual(['d']);
});

it('snapshots count, and leave half of the limit to the rest', async () => {
  const cache = newCache();
  for (const [index, digit] of ['a', 'b', 'c', 'd', 'e'].entries()) cache.template(digit, index);
  cache.snapshot('one', 9);
  await cache.trim('5MiB');
  expect(cache.left()).toHaveLength(3);
  for (const name of ['two', 'three', 'four', 'five']) cache.snapshot(name, 9);
  await cache.trim('5MiB');
  expect(cache.left()).toHaveLength(2);
});

it('trimCache() counts the blocks of sparse files, not their length', async () => {
  const cache = newCache();
  truncateSync(join(cache.template('a', 1), 'ram'), 1000 * MIB);
  cache.template('b', 2);
  const { usedBytes } = await cache.trim('3MiB');
  expect(cache.left()).toEqual(['a', 'b']);
  expect(usedBytes).toBeLessThan(3 * MIB);
});

it('trimCache() of several processes at once leaves the newest that fit, and what a killed one left is swept', async () => {
  const cache = newCache();
  const digits = '0123456789abcdef'.split('');
  for (const [index, digit] of digits.entries()) cache.template(digit, index);
  const dead = join(cache.cacheDirectory, 'templates');
  // Of a process that is surely over: renamed aside, and killed before it was removed.
  const ended = execa('sleep', ['60'], { reject: false });
  const owner = identifyProcess(ended.pid ?? 0);
  if (owner === null) throw new Error('sleep does not run');
  ended.kill();
  await ended;
  mkdirSync(join(dead, `tmp-${formatOwner(owner)}-abcdef`));
  const program = resolve(import.meta.dirname, '../../fixtures/cache-trimmer.ts');
  const args = ['--import', 'tsx', program, cache.cacheDirectory, cache.snapshotsDirectory];
  const run = () => execa(process.execPath, args, { env: { GONDOLIN_CACHE_LIMIT: '4.5MiB' } });
  await Promise.all([run(), run(), run()]);
  expect(cache.left()).toEqual(['c', 'd', 'e', 'f']);
  expect(readdirSync(dead).filter((name) => name.startsWith('tmp-'))).toEqual([]);
});

it('cacheLimitBytes() is 20 GiB or a tenth of the disk, or what the variable says', async () => {
  const directory = temporaryDirectory();
  const standard = await cacheLimitBytes(directory, {});
  expect(standard).toBeGreaterThan(0);
  expect(standard).toBeLessThanOrEqual(20 * 2 ** 30);
  const limitOf = (text: string) => cacheLimitBytes(directory, { GONDOLIN_CACHE_LIMIT: text });
  expect(await Promise.all(['512MiB', '20G', '1.5GB', 'none', ''].map(limitOf))).toEqual([
    ...[512 * MIB, 20 * 2 ** 30, 1.5 * 2 ** 30, Number.POSITIVE_INFINITY, standard],
  ]);
  for (const text of ['0', '0G', '-1G', '20', 'all', '1e9G', '20 GiB']) {
    await expect(limitOf(text), text).rejects.toMatchObject({ code: 'HOST_CACHE_LIMIT_INVALID' });
  }
});

it('keepCacheSmall() only warns of what went wrong: the run has what it needs', async () => {
  const { cacheDirectory } = newCache();
  const warnings: string[] = [];
  const env = { GONDOLIN_CACHE_LIMIT: 'much' };
  await keepCacheSmall({ cacheDirectory, env }, (message) => warnings.push(message));
  expect(warnings).toEqual([expect.stringContaining('GONDOLIN_CACHE_LIMIT')]);
});
