import { readdirSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { hasExt4 } from '../../../src/host/ext4.ts';
import { RootDisk } from '../../../src/machine/root-disk.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const MIB = 2 ** 20;

async function make(directory: string, from: string | null = null, sizeBytes = 64 * MIB) {
  const disk = await RootDisk.make(join(directory, 'disk'), sizeBytes, from);
  onTestFinished(() => disk.close());
  return disk;
}

it('a new disk has a file system and no name', async () => {
  const directory = temporaryDirectory();
  const disk = await make(directory);
  expect(hasExt4(disk.fd)).toBe(true);
  expect(readdirSync(directory)).toEqual([]);
});

it('a saved disk is sparse, and the next one starts with what it had', async () => {
  const directory = temporaryDirectory();
  const disk = await make(directory);
  writeSync(disk.fd, 'at the end', 63 * MIB);
  const saved = join(directory, 'saved');
  await disk.copyTo(saved);
  expect(statSync(saved).size).toBe(64 * MIB);
  expect(statSync(saved).blocks * 512).toBeLessThan(8 * MIB);
  writeSync(disk.fd, 'changed', 63 * MIB);
  const copy = await make(directory, saved);
  const text = Buffer.alloc(10);
  readSync(copy.fd, text, 0, 10, 63 * MIB);
  expect(text.toString()).toBe('at the end');
  expect(hasExt4(copy.fd)).toBe(true);
  expect(readdirSync(directory)).toEqual(['saved']);
});

it.each([
  ['is missing', null],
  ['has another size', 'short'],
])('a saved disk that %s is MACHINE_DISK_FAILED', async (_why, content) => {
  const directory = temporaryDirectory();
  const saved = join(directory, 'saved');
  if (content !== null) writeFileSync(saved, content);
  await expect(make(directory, saved)).rejects.toMatchObject({ code: 'MACHINE_DISK_FAILED' });
});

it('a directory without room or rights is MACHINE_DISK_FAILED', async () => {
  await expect(make('/proc/none')).rejects.toMatchObject({ code: 'MACHINE_DISK_FAILED' });
});
