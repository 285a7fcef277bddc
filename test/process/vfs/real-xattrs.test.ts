import { chownSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listAttributes, readAttribute, setAttribute } from '../../../src/host/libc.ts';
import { ACL_ACCESS, ACL_TAG, encodeAcl } from '../../../src/vfs/acl/posix-acl.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { XattrClient } from '../../fixtures/xattr-client.ts';

async function serve(options: { readonlyPaths?: readonly string[] } = {}) {
  const directory = temporaryDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'content');
  const paths = { readonlyPaths: (options.readonlyPaths ?? []).map((at) => join(directory, at)) };
  const provider = new RealFSProvider(directory, { ...paths, extendedAttributes: true });
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  const id = await client.walk('m/file');
  return { client, id, fd: openSync(path, 'r'), path, xattrs: new XattrClient(client, id) };
}

it("user attributes are the host file's own; others mean nothing to the host", async () => {
  const { fd, xattrs } = await serve();
  expect(await xattrs.set('user.note', 'guest')).toBe('ok');
  expect(await xattrs.set('trusted.overlay.opaque', 'y')).toBe('ok');
  expect(await xattrs.set('security.capability', 'caps')).toBe('ok');
  expect(readAttribute(fd, 'user.note').toString()).toBe('guest');
  expect(listAttributes(fd).filter((name) => !name.startsWith('user.'))).toEqual([]);
  expect(await xattrs.get('security.capability')).toEqual(Buffer.from('caps'));
  setAttribute(fd, 'user.note', 'host');
  expect(await xattrs.get('user.note')).toEqual(Buffer.from('host'));
  const names = await xattrs.list();
  expect([...names].toSorted()).toEqual([
    ...['security.capability', 'trusted.overlay.opaque', 'user.note'],
  ]);
  expect(await xattrs.remove('trusted.overlay.opaque')).toBe('ok');
  expect(await xattrs.get('trusted.overlay.opaque')).toBe('ENODATA');
});

it('what gondolin notes on a file is neither seen nor made', async () => {
  const { client, id, fd, xattrs } = await serve();
  await client.setattr(id, { uid: 4242 });
  expect(listAttributes(fd)).toEqual(['user.gondolin.stat']);
  expect(await xattrs.list()).toEqual([]);
  expect(await xattrs.get('user.gondolin.stat')).toBe('ENODATA');
  expect(await xattrs.set('user.gondolin.stat', '1 0 0 - 0 0')).toBe('EPERM');
  expect(await xattrs.set('user.gondolin.security.capability', 'x')).toBe('EPERM');
  expect(await xattrs.remove('user.gondolin.stat')).toBe('ENODATA');
  expect((await client.stat(id)).uid).toBe(4242);
});

it('an access control list is ours on the host, whose group gets what the list gives the group', async () => {
  const { client, id, fd, xattrs } = await serve();
  const named = [
    { tag: ACL_TAG.USER_OBJ, permissions: 6, id: 0 },
    { tag: ACL_TAG.USER, permissions: 6, id: 0 },
    { tag: ACL_TAG.GROUP_OBJ, permissions: 4, id: 0 },
    { tag: ACL_TAG.MASK, permissions: 6, id: 0 },
    { tag: ACL_TAG.OTHER, permissions: 0, id: 0 },
  ];
  expect(await xattrs.set(ACL_ACCESS, encodeAcl(named))).toBe('ok');
  expect((await client.stat(id)).mode & 0o777).toBe(0o660);
  expect(fstatSync(fd).mode & 0o777).toBe(0o640);
  expect(listAttributes(fd).toSorted()).toEqual([
    'user.gondolin.stat',
    'user.gondolin.system.posix_acl_access',
  ]);
  expect(await xattrs.list()).toEqual([ACL_ACCESS]);
  await client.setattr(id, { mode: 0o670 });
  expect(fstatSync(fd).mode & 0o777).toBe(0o640);
  expect(await xattrs.remove(ACL_ACCESS)).toBe('ok');
  expect(fstatSync(fd).mode & 0o777).toBe(0o670);
});

it('a protected file gets no attribute', async () => {
  const { xattrs } = await serve({ readonlyPaths: ['file'] });
  expect(await xattrs.set('user.note', 'x')).toBe('EPERM');
  expect(await xattrs.remove('user.note')).toBe('EPERM');
});

it.runIf(process.getuid?.() === 0)(
  'capabilities that are noted on the file of another host user are not believed',
  async () => {
    const { fd, path, xattrs } = await serve();
    setAttribute(fd, 'user.gondolin.security.capability', 'forged');
    expect(await xattrs.get('security.capability')).toEqual(Buffer.from('forged'));
    chownSync(path, 4243, 4243);
    expect(await xattrs.get('security.capability')).toBe('ENODATA');
    expect(await xattrs.list()).toEqual([]);
  },
);
