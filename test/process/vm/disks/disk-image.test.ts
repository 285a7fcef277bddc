import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lockFile } from '../../../../src/host/file-lock.ts';
import { findTool } from '../../../../src/host/tools.ts';
import { openDiskImage } from '../../../../src/vm/disks/disk-image.ts';
import { checkDisks, diskBytes } from '../../../../src/vm/disks/disk-options.ts';
import { openDisks } from '../../../../src/vm/disks/open-disks.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const MIB = 2 ** 20;

async function open(path: string, sizeBytes = 64 * MIB) {
  const image = await openDiskImage(path, sizeBytes);
  onTestFinished(() => image.close());
  return image;
}

/** Checks a file system as e2fsck does, without changing it. */
function check(path: string): void {
  execFileSync(findTool('e2fsck')?.path ?? 'e2fsck', ['-fn', path], { stdio: 'pipe' });
}

it('a missing disk becomes a sparse ext4 file system, without leftovers', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'new/disk.img');
  const image = await open(path);
  expect(image).toMatchObject({ sizeBytes: 64 * MIB, isNew: true });
  expect(readdirSync(join(directory, 'new'))).toEqual(['disk.img']);
  const { size, blocks, mode } = statSync(path);
  expect([size, mode & 0o777]).toEqual([64 * MIB, 0o600]);
  expect(blocks * 512).toBeLessThan(8 * MIB);
  image.close();
  check(path);
});

it('an empty file becomes a disk too, and a disk grows but does not shrink', async () => {
  const path = join(temporaryDirectory(), 'disk.img');
  writeFileSync(path, '');
  (await open(path)).close();
  const grown = await open(path, 128 * MIB);
  expect(grown).toMatchObject({ sizeBytes: 128 * MIB, isNew: false });
  expect(statSync(path).size).toBe(128 * MIB);
  grown.close();
  await expect(openDiskImage(path, 64 * MIB)).rejects.toMatchObject({
    code: 'VM_DISK_UNUSABLE',
    hint: expect.stringContaining('cannot shrink'),
  });
});

it('a disk is locked while its descriptor is open, and while a copy of it is', async () => {
  const path = join(temporaryDirectory(), 'disk.img');
  const image = await open(path);
  await expect(openDiskImage(path, 64 * MIB)).rejects.toMatchObject({
    code: 'VM_DISK_IN_USE',
    details: { path, pid: process.pid },
  });
  // As QEMU gets it: the same open file.
  const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', image.fd] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  image.close();
  image.close();
  await expect(openDiskImage(path, 64 * MIB)).rejects.toMatchObject({ code: 'VM_DISK_IN_USE' });
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  (await open(path)).close();
});

it('two that make the same disk at once get one disk, one after the other', async () => {
  const path = join(temporaryDirectory(), 'disk.img');
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => openDiskImage(path, 64 * MIB)));
  const made = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  expect(made.length).toBe(1);
  for (const image of made) image.close();
  expect((await open(path)).isNew).toBe(false);
});

it('openDiskImage() refuses what is no disk image and leaves it as it is', async () => {
  const directory = temporaryDirectory();
  const text = join(directory, 'notes.txt');
  writeFileSync(text, 'x'.repeat(4096));
  mkdirSync(join(directory, 'd'));
  for (const path of [text, join(directory, 'd'), join(text, 'below')]) {
    await expect(openDiskImage(path, 64 * MIB)).rejects.toMatchObject({
      code: 'VM_DISK_UNUSABLE',
    });
  }
  expect(statSync(text).size).toBe(4096);
});

it('openDisks() leaves none open when one is in use', async () => {
  const directory = temporaryDirectory();
  const [first, second] = [join(directory, 'a.img'), join(directory, 'b.img')];
  (await open(second)).close();
  const lock = await lockFile(second, 'exclusive');
  const disks = { '/a': { path: first, size: '64MiB' }, '/b': { path: second, size: '64MiB' } };
  await expect(openDisks(disks)).rejects.toMatchObject({ code: 'VM_DISK_IN_USE' });
  lock.release();
  const opened = await openDisks(disks);
  expect(opened.map(({ target }) => target)).toEqual(['/a', '/b']);
  for (const { image } of opened) image.close();
});

it('sizes and paths of disks are checked', () => {
  expect(diskBytes('2GiB')).toBe(2 * 2 ** 30);
  expect(diskBytes(40 * MIB + 1)).toBe(41 * MIB);
  const bad = [
    { '/a': { path: 'relative.img', size: '1GiB' } },
    { '/a': { path: '/x.img', size: '1MiB' } },
    { '/a': { path: '/x.img', size: 'big' } },
    { '/a': { path: '/x.img', size: '1GiB' }, '/b': { path: '/x.img', size: '1GiB' } },
    Object.fromEntries(
      Array.from({ length: 17 }, (_, at) => [`/${at}`, { path: `/${at}.img`, size: '1GiB' }]),
    ),
  ];
  for (const disks of bad) {
    expect(() => checkDisks(disks)).toThrowError(
      expect.objectContaining({ code: 'VM_BAD_OPTION' }),
    );
  }
});
