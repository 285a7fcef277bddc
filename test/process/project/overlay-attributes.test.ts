import { chmodSync, closeSync, lstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listAttributes, readAttribute, setAttribute } from '../../../src/host/libc.ts';
import { isUnsupported } from '../../../src/project/overlays/apply-changes.ts';
import { checkChanges } from '../../../src/project/overlays/check-changes.ts';
import { HostTarget } from '../../../src/project/overlays/host-target.ts';
import { manifestPath, readKept } from '../../../src/project/overlays/kept-overlay.ts';
import { ACL_ACCESS, ACL_DEFAULT, ACL_TAG } from '../../../src/vfs/acl/posix-acl.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { guestOf, OverlayGuest } from '../../fixtures/overlay-guest.ts';
import { USER } from '../../fixtures/provider-comparison.ts';

const XATTRS = { extendedAttributes: true };
const NOTED_LIST = `user.gondolin.${ACL_ACCESS}`;

function onHost<T>(path: string, use: (fd: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** The attributes of a host file that have text, and the names of the others. */
function attributesOf(guest: OverlayGuest, path: string): Record<string, string> {
  return onHost(join(guest.host, path), (fd) =>
    Object.fromEntries(
      listAttributes(fd)
        .toSorted()
        .map((name) => {
          const isText = !name.includes('posix_acl');
          return [name, isText ? readAttribute(fd, name).toString() : ''];
        }),
    ),
  );
}

function setOnHost(guest: OverlayGuest, path: string, name: string, value: string): void {
  onHost(join(guest.host, path), (fd) => setAttribute(fd, name, value));
}

/** User 1000 and the mask may do more than the owning group. */
function listOf(owner: number, group: number, mask: number) {
  return [
    { tag: ACL_TAG.USER_OBJ, permissions: owner, id: 0 },
    { tag: ACL_TAG.USER, permissions: mask, id: 1000 },
    { tag: ACL_TAG.GROUP_OBJ, permissions: group, id: 0 },
    { tag: ACL_TAG.MASK, permissions: mask, id: 0 },
    { tag: ACL_TAG.OTHER, permissions: 0, id: 0 },
  ];
}

async function applyAll(guest: OverlayGuest): Promise<readonly string[]> {
  await guest.end();
  expect(guest.warnings).toEqual([]);
  const { lines, apply, close } = await guest.check();
  expect((await apply()).skipped).toEqual([]);
  close();
  const again = await guest.check();
  again.close();
  expect(again.lines.filter((line) => !line.endsWith('applied'))).toEqual([]);
  return lines;
}

it('an attribute that the guest set, changed or removed is a change, and apply() makes the same one on the host', async () => {
  const files = { set: 'text', changed: 'text', removed: 'text', same: 'text', 'd/x': '' };
  const guest = await guestOf(files, XATTRS);
  for (const name of ['changed', 'removed', 'same']) setOnHost(guest, name, 'user.note', 'host');
  await guest.setXattr('set', 'user.note', 'guest');
  await guest.setXattr('set', 'trusted.overlay.opaque', 'y');
  await guest.setXattr('set', 'security.capability', 'caps');
  await guest.setXattr('changed', 'user.note', 'guest');
  await guest.removeXattr('removed', 'user.note');
  await guest.setXattr('same', 'user.note', 'guest');
  await guest.setXattr('same', 'user.note', 'host');
  await guest.setXattr('d', 'user.note', 'directory');
  await guest.write('new', 'new');
  await guest.setXattr('new', 'user.note', 'new');
  expect(await applyAll(guest)).toEqual([
    'M changed pending',
    'M d pending',
    'A new pending',
    'M removed pending',
    'M set pending',
  ]);
  expect(attributesOf(guest, 'set')).toEqual({
    'user.gondolin.security.capability': 'caps',
    'user.gondolin.trusted.overlay.opaque': 'y',
    'user.note': 'guest',
  });
  expect(attributesOf(guest, 'changed')).toEqual({ 'user.note': 'guest' });
  expect(attributesOf(guest, 'removed')).toEqual({});
  expect(attributesOf(guest, 'd')).toEqual({ 'user.note': 'directory' });
  expect(attributesOf(guest, 'new')).toEqual({ 'user.note': 'new' });
  expect(readFileSync(join(guest.host, 'set'), 'utf8')).toBe('text');
});

it('an access list is noted on the host, whose group gets what the list gives it, and the next guest sees list and mask', async () => {
  const guest = await guestOf({ file: 'text', 'd/x': '' }, XATTRS);
  chmodSync(join(guest.host, 'd'), 0o2755);
  await guest.setAcl('file', ACL_ACCESS, listOf(6, 4, 6));
  await guest.setAcl('d', ACL_ACCESS, listOf(7, 5, 7));
  await guest.setAcl('d', ACL_DEFAULT, listOf(7, 5, 7));
  const shown = async (one: OverlayGuest, path: string) => {
    const node = await one.at(path);
    const { mode } = await one.provider.attributes(node);
    const list = async (name: string) => one.provider.extendedAttributes?.get(node, name);
    return [mode & 0o777, await list(ACL_ACCESS), await list(ACL_DEFAULT)];
  };
  const [file, directory] = [await shown(guest, 'file'), await shown(guest, 'd')];
  expect(await applyAll(guest)).toEqual(['M d pending', 'M file pending']);
  expect(lstatSync(join(guest.host, 'file')).mode & 0o7777).toBe(0o640);
  expect(lstatSync(join(guest.host, 'd')).mode & 0o7777).toBe(0o2750);
  expect(Object.keys(attributesOf(guest, 'file'))).toEqual(['user.gondolin.stat', NOTED_LIST]);
  const next = new OverlayGuest(guest.host, XATTRS);
  await next.start();
  expect(await shown(next, 'file')).toEqual(file);
  expect(await shown(next, 'd')).toEqual(directory);
  // A list that is removed takes its notes with it.
  await next.removeXattr('file', ACL_ACCESS);
  await next.chmod('file', 0o640);
  await next.removeXattr('d', ACL_ACCESS);
  await next.chmod('d', 0o2750);
  await next.removeXattr('d', ACL_DEFAULT);
  expect(await applyAll(next)).toEqual(['M d pending', 'M file pending']);
  expect(attributesOf(next, 'file')).toEqual({});
  expect(attributesOf(next, 'd')).toEqual({});
  expect(lstatSync(join(guest.host, 'd')).mode & 0o7777).toBe(0o2750);
});

it('names of one file have its attributes', async () => {
  const guest = await guestOf({}, XATTRS);
  await guest.write('a', 'text');
  await guest.hardLink('a', 'b');
  await guest.setXattr('b', 'user.note', 'both');
  await applyAll(guest);
  expect(attributesOf(guest, 'a')).toEqual({ 'user.note': 'both' });
  expect(lstatSync(join(guest.host, 'a')).nlink).toBe(2);
});

it("a guest sets none of gondolin's own notes on the host", async () => {
  const guest = await guestOf({ a: 'text', b: 'text' }, XATTRS);
  await guest.setXattr('a', 'user.gondolin.stat', '1 0 0 104755 0 644');
  await guest.setXattr('b', 'user.gondolin.stat', '1 0 0 104755 0 644');
  await guest.write('b', 'changed');
  expect(await applyAll(guest)).toEqual(['M b pending']);
  expect([attributesOf(guest, 'a'), attributesOf(guest, 'b')]).toEqual([{}, {}]);
});

it('an attribute that the host changed since is a conflict', async () => {
  const guest = await guestOf({ a: 'text' }, XATTRS);
  await guest.setXattr('a', 'user.note', 'guest');
  await guest.end();
  setOnHost(guest, 'a', 'user.other', 'host');
  const { lines, close } = await guest.check();
  close();
  expect(lines).toEqual(['M a changed']);
});

it('a file system without extended attributes is found before anything is written', async () => {
  const guest = await guestOf({}, XATTRS);
  await guest.write('bare', 'text');
  await guest.write('noted', 'text');
  await guest.setXattr('noted', 'user.note', 'guest');
  await guest.mkdir('d');
  await guest.write('d/noted', 'text');
  await guest.setXattr('d/noted', 'user.note', 'guest');
  await guest.end();
  const kept = await readKept(guest.directory);
  if (kept === null) return expect.unreachable();
  // The kernel's own file systems have none.
  const target = new HostTarget('/proc/sys');
  const { changes } = await checkChanges(kept, guest.directory, target, []);
  target.close();
  const unsupported = changes.filter(isUnsupported).map(({ change }) => change.path);
  expect(unsupported).toEqual(['d/noted', 'noted']);
});

it('attributes that were refused are left out when they are forced, and the group does not get the mask', async () => {
  const guest = await guestOf({}, XATTRS);
  await guest.write('a', 'text');
  await guest.setAcl('a', ACL_ACCESS, listOf(6, 0, 6));
  await guest.end();
  const { checked, apply, close } = await guest.check();
  for (const one of checked?.changes ?? []) Object.assign(one, { state: 'unsupported' });
  await apply();
  close();
  expect(attributesOf(guest, 'a')).toEqual({});
  expect(lstatSync(join(guest.host, 'a')).mode & 0o777).toBe(0o600);
});

it('an attribute that the host does not take ends apply() with the file and the reason', async () => {
  const guest = await guestOf({ a: 'text' }, XATTRS);
  // With its prefix it is longer than a name can be.
  await guest.setXattr('a', `trusted.${'x'.repeat(247)}`, 'guest');
  await guest.end();
  const { apply, close } = await guest.check();
  await expect(apply()).rejects.toMatchObject({
    code: 'FILES_COPY_FAILED',
    message: expect.stringContaining('a: the host cannot set its extended attributes'),
    details: { path: 'a', errno: 'ERANGE' },
  });
  close();
  expect(readFileSync(join(guest.host, 'a'), 'utf8')).toBe('text');
});

it('more attributes than fit in the list of changes are not kept, and equal ones count once', async () => {
  const value = 'v'.repeat(65_536);
  const fill = async (files: number, textOf: (index: number) => string) => {
    const guest = await guestOf({}, XATTRS);
    for (let index = 0; index < files; index++) {
      await guest.write(`${index}`, '');
      await guest.setXattr(`${index}`, 'user.note', textOf(index));
    }
    await guest.end();
    return guest;
  };
  const equal = await fill(20, () => value);
  expect(equal.warnings).toEqual([]);
  expect((await readKept(equal.directory))?.attributeSets).toHaveLength(1);
  const { warnings } = await fill(1_030, (index) => `${index}${value.slice(8)}`);
  expect(warnings).toEqual([
    'changes of /work were not kept: more than 64 MiB of extended attributes',
  ]);
});

it('attributes of a damaged list are refused', async () => {
  const guest = await guestOf({}, XATTRS);
  await guest.write('a', 'text');
  await guest.setXattr('a', 'user.note', 'guest');
  await guest.end();
  const path = manifestPath(guest.directory);
  const text = readFileSync(path, 'utf8');
  const value = Buffer.from('guest').toString('base64');
  for (const bad of [
    text.replace(/"attributeSet":\d/, '"attributeSet":9'),
    text.replace(value, '%'),
  ]) {
    writeFileSync(path, bad);
    await expect(readKept(guest.directory)).rejects.toMatchObject({
      code: 'PROJECT_OVERLAY_DAMAGED',
    });
  }
});

it('a volume without extended attributes has no changes of them and leaves those of host files alone', async () => {
  const guest = await guestOf({ a: 'text' });
  setOnHost(guest, 'a', 'user.note', 'host');
  await guest.chmod('a', 0o600);
  await guest.chmod('a', 0o644);
  await guest.write('b', 'text');
  await guest.end();
  const kept = await readKept(guest.directory);
  expect(kept?.changes.map(({ path, attributeSet }) => [path, attributeSet])).toEqual([
    ['b', null],
  ]);
});

it('attributes do not count where the lower layer keeps none, as on a network file system', async () => {
  const guest = await guestOf({ a: 'text' });
  const upper = new MemoryProvider(XATTRS);
  const provider = new OverlayProvider(upper, new RealFSProvider(guest.host));
  const root = await provider.start(USER);
  const node = await provider.lookup(root, 'a');
  await provider.extendedAttributes?.set(node, 'user.note', Buffer.from('guest'), 0);
  expect(await provider.listChanges().next()).toMatchObject({ done: true });
  await provider.stop();
  await guest.end();
});
