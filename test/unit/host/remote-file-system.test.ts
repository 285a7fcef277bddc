import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseMounts, remoteFileSystemOf } from '../../../src/host/remote-file-system.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('parseMounts() reads mount points with spaces, optional fields, and the topmost of two', () => {
  const text = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '40 22 0:41 / /mnt/my\\040share rw shared:9 master:2 - nfs4 server:/x rw',
    '41 22 0:42 / /data rw - nfs server:/y rw',
    '42 41 0:43 / /data rw - tmpfs tmpfs rw',
    'nonsense',
  ].join('\n');
  expect([...parseMounts(text)]).toEqual([
    ['/', 'ext4'],
    ['/mnt/my share', 'nfs4'],
    ['/data', 'tmpfs'],
  ]);
});

it('remoteFileSystemOf() finds what a path is on or passes, through symbolic links, without a look at it', () => {
  const directory = temporaryDirectory();
  const share = join(directory, 'share');
  mkdirSync(join(share, 'local'), { recursive: true });
  symlinkSync('share/below', join(directory, 'relative'));
  symlinkSync(join(directory, 'relative'), join(directory, 'absolute'));
  symlinkSync('loop', join(directory, 'loop'));
  const mounts = new Map([
    ['/', 'ext4'],
    [share, 'fuse.sshfs'],
    [join(share, 'local'), 'tmpfs'],
  ]);
  const of = (path: string) => remoteFileSystemOf(join(directory, path), mounts);
  const found = { point: share, type: 'fuse.sshfs' };
  expect(of('share')).toEqual(found);
  expect(of('share/x/y')).toEqual(found);
  expect(of('absolute/x')).toEqual(found);
  // The way to it can hang.
  expect(of('share/local/x')).toEqual(found);
  expect([of(''), of('other'), of('loop'), of('shared')]).toEqual([null, null, null, null]);
  expect(remoteFileSystemOf('/', new Map([['/', 'nfs']]))).toEqual({ point: '/', type: 'nfs' });
  expect(remoteFileSystemOf('/', new Map([['/', 'fuseblk']]))).toBe(null);
});
