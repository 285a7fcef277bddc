import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FuseServer } from '../../../src/vfs/fuse-server.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const USER = { uid: 1000, gid: 1000 };

async function serve(outer: VfsProvider, inner: VfsProvider = new MemoryProvider()) {
  const mounts = [
    { name: 'outer', provider: outer },
    { name: 'inner', provider: inner },
  ];
  const server = new FuseServer({ mounts, user: USER });
  onTestFinished(() => server.close());
  await server.start();
  return server;
}

it('the place of a nested volume belongs to the user, in this run and in one of another user', async () => {
  const directory = temporaryDirectory();
  const server = await serve(new RealFSProvider(directory));
  await Promise.all([
    server.makeMountPoint('outer', '/a/ü/cache', null),
    server.makeMountPoint('outer', '/a/ü/other', 'inner'),
  ]);
  await server.close();
  expect(readdirSync(join(directory, 'a/ü'))).toEqual(['cache', 'other']);
  for (const user of [USER, { uid: 33, gid: 44 }]) {
    const client = await FuseClient.start(new RealFSProvider(directory), user);
    for (const path of ['m/a', 'm/a/ü', 'm/a/ü/cache', 'm/a/ü/other']) {
      expect(await client.stat(await client.walk(path))).toMatchObject({ ...user, mode: 0o040755 });
    }
    await client.server.close();
  }
});

it('the place of a volume that is one file is an empty file; what is there stays', async () => {
  const directory = temporaryDirectory();
  const file = join(temporaryDirectory(), 'app.conf');
  writeFileSync(file, 'text');
  writeFileSync(join(directory, 'kept'), 'kept');
  mkdirSync(join(directory, 'etc'), { mode: 0o700 });
  const server = await serve(new RealFSProvider(directory), new RealFSProvider(file));
  await server.makeMountPoint('outer', '/etc/app.conf', 'inner');
  await server.makeMountPoint('outer', '/kept', 'inner');
  expect(statSync(join(directory, 'etc/app.conf'))).toMatchObject({ size: 0, mode: 0o100644 });
  expect(statSync(join(directory, 'etc')).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'kept')).size).toBe(4);
});

it('makeMountPoint() follows no link, changes no read-only volume and names what it cannot make', async () => {
  const [directory, outside] = [temporaryDirectory(), temporaryDirectory()];
  symlinkSync(outside, join(directory, 'link'));
  const server = await serve(new RealFSProvider(directory));
  await server.makeMountPoint('outer', '/link/x', null);
  await server.makeMountPoint('outer', '/../x', null);
  expect([...readdirSync(outside), ...readdirSync(directory)]).toEqual(['link']);
  await expect(server.makeMountPoint('outer', `/${'n'.repeat(256)}`, null)).rejects.toMatchObject({
    code: 'VFS_MOUNT_FAILED',
  });
  const readonly = await serve(new ReadonlyProvider(directory));
  await readonly.makeMountPoint('outer', '/x', null);
  expect(readdirSync(directory)).toEqual(['link']);
  rmSync(join(directory, 'link'));
});
