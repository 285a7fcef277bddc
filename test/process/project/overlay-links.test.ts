import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SystemError } from '../../../src/host/libc.ts';
import { applyChanges } from '../../../src/project/overlays/apply-changes.ts';
import { HostTarget } from '../../../src/project/overlays/host-target.ts';
import { HostWriter } from '../../../src/project/overlays/host-writer.ts';
import {
  MAX_KEPT_BYTES,
  manifestPath,
  readKept,
} from '../../../src/project/overlays/kept-overlay.ts';
import { ERRNO } from '../../../src/protocol/errno.ts';
import { guestOf, type OverlayGuest } from '../../fixtures/overlay-guest.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** Changes files of a file system that makes no links. */
function writerWithout(target: HostTarget, errno: number): HostWriter {
  return new HostWriter(target, () => {
    throw new SystemError('linkat', errno);
  });
}

const inodeOf = (guest: OverlayGuest, path: string) => lstatSync(join(guest.host, path)).ino;
const textOf = (guest: OverlayGuest, path: string) => readFileSync(join(guest.host, path), 'utf8');

/** A guest that has made three names of one file, over two that the host has. */
async function guestWithNames() {
  const guest = await guestOf({ a: 'old', c: 'other' });
  await guest.write('a', 'new');
  await guest.chmod('a', 0o755);
  await guest.mkdir('d');
  await guest.hardLink('a', 'd/b');
  await guest.unlink('c');
  await guest.hardLink('a', 'c');
  await guest.write('copy', 'new');
  await guest.end();
  return guest;
}

it('apply() makes names of one file one file', async () => {
  const guest = await guestWithNames();
  const { lines, apply, close } = await guest.check();
  expect(lines).toEqual([
    'M a pending',
    'M c pending',
    'A copy pending',
    'A d pending',
    'A d/b pending',
  ]);
  await apply();
  close();
  const inode = inodeOf(guest, 'a');
  expect([inodeOf(guest, 'c'), inodeOf(guest, 'd/b')]).toEqual([inode, inode]);
  expect(inodeOf(guest, 'copy')).not.toBe(inode);
  expect(lstatSync(join(guest.host, 'a'))).toMatchObject({ nlink: 3, mode: 0o100755 });
  expect(textOf(guest, 'd/b')).toBe('new');
  expect(readdirSync(guest.host).toSorted()).toEqual(['a', 'c', 'copy', 'd']);
  const again = await guest.check();
  again.close();
  expect(again.lines.filter((line) => !line.endsWith('applied'))).toEqual([]);
});

it('the content of a file is kept once, whatever number of names it has', async () => {
  const guest = await guestWithNames();
  const kept = await readKept(guest.directory);
  const blobs = new Map(kept?.changes.map(({ path, blob }) => [path, blob]));
  expect(blobs.get('c')).toBe(blobs.get('a'));
  expect(blobs.get('d/b')).toBe(blobs.get('a'));
  expect(blobs.get('copy')).not.toBe(blobs.get('a'));
  const files = readdirSync(guest.directory).filter((name) => name.endsWith('.bin'));
  expect(files).toHaveLength(2);
});

it('names of a host file that the guest changed stay one file, apart from names outside of the volume', async () => {
  const outside = join(temporaryDirectory(), 'outside');
  const guest = await guestOf({});
  mkdirSync(join(guest.host, 'd'));
  writeFileSync(join(guest.host, 'a'), 'old');
  for (const name of [join(guest.host, 'd/b'), outside]) linkSync(join(guest.host, 'a'), name);
  await guest.write('a', 'new');
  await guest.end();
  const { lines, apply, close } = await guest.check();
  expect(lines).toEqual(['M a pending', 'M d/b pending']);
  await apply();
  close();
  expect(inodeOf(guest, 'a')).toBe(inodeOf(guest, 'd/b'));
  expect(textOf(guest, 'd/b')).toBe('new');
  expect(readFileSync(outside, 'utf8')).toBe('old');
});

it.each(['EMLINK', 'EPERM', 'EXDEV', 'EOPNOTSUPP'] as const)(
  'a file system that refuses links with %s gets files of their own',
  async (name) => {
    const guest = await guestWithNames();
    const { target, apply, close } = await guest.check();
    expect((await apply(writerWithout(target, ERRNO[name]))).skipped).toEqual([]);
    close();
    const names = ['a', 'c', 'd/b'];
    expect(names.map((path) => textOf(guest, path))).toEqual(['new', 'new', 'new']);
    expect(new Set(names.map((path) => inodeOf(guest, path))).size).toBe(3);
    expect(readdirSync(guest.host).toSorted()).toEqual(['a', 'c', 'copy', 'd']);
  },
);

it('apply() stops before copies instead of links take more of the host than is kept of a volume', async () => {
  const guest = await guestWithNames();
  const { checked, target, close } = await guest.check();
  if (checked === null) return expect.unreachable();
  const changes = checked.changes.map((one) => ({
    ...one,
    change: { ...one.change, sizeBytes: MAX_KEPT_BYTES },
  }));
  const applied = applyChanges({ ...checked, changes }, target, writerWithout(target, ERRNO.EPERM));
  await expect(applied).rejects.toMatchObject({
    code: 'FILES_COPY_FAILED',
    details: { path: 'd/b' },
  });
  close();
});

it('another failure of a link ends apply() with what the host said', async () => {
  const guest = await guestWithNames();
  const { target, apply, close } = await guest.check();
  await expect(apply(writerWithout(target, ERRNO.EIO))).rejects.toMatchObject({
    code: 'FILES_COPY_FAILED',
    details: { errno: 'EIO' },
  });
  close();
  expect(readdirSync(guest.host).toSorted()).toEqual(['a', 'c']);
});

it('a name is given to no file that the host put in the way, and over none that it changed', async () => {
  const host = temporaryDirectory();
  const contentPath = join(temporaryDirectory(), 'content');
  writeFileSync(contentPath, 'guest');
  const target = new HostTarget(host);
  const writer = new HostWriter(target);
  const wanted = { contentPath, mode: 0o644, mtimeNs: 0n, attributes: null };
  const put = await writer.putFile('a', 'missing', wanted);
  writeFileSync(join(host, 'b'), 'host');
  await expect(writer.putName('b', 'missing', put)).rejects.toMatchObject({
    code: 'PROJECT_OVERLAY_CONFLICT',
  });
  expect(readFileSync(join(host, 'b'), 'utf8')).toBe('host');
  writeFileSync(join(host, 'secret'), 'host');
  renameSync(join(host, 'secret'), join(host, 'a'));
  await expect(writer.putName('c', 'missing', put)).rejects.toMatchObject({
    code: 'PROJECT_OVERLAY_CONFLICT',
  });
  target.close();
  expect(readdirSync(host).toSorted()).toEqual(['a', 'b']);
});

it('changes that an earlier version kept are read, and those of a later one are refused', async () => {
  const guest = await guestWithNames();
  const path = manifestPath(guest.directory);
  const { attributeSets: _, ...kept } = JSON.parse(readFileSync(path, 'utf8'));
  for (const change of kept.changes) delete change.attributeSet;
  writeFileSync(path, JSON.stringify({ ...kept, version: 1 }));
  const { lines, apply, close } = await guest.check();
  expect(lines).toHaveLength(5);
  await apply();
  close();
  expect(textOf(guest, 'd/b')).toBe('new');
  writeFileSync(path, JSON.stringify({ ...kept, version: 3 }));
  await expect(readKept(guest.directory)).rejects.toMatchObject({
    code: 'PROJECT_OVERLAY_DAMAGED',
  });
});
