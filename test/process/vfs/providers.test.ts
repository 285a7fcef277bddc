import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { DirectoryReader } from '../../fixtures/directory-reader.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const PROVIDERS: readonly { readonly name: string; readonly make: () => VfsProvider }[] = [
  { name: 'MemoryProvider', make: () => new MemoryProvider() },
  {
    name: 'RealFSProvider',
    make: () => {
      const directory = mkdtempSync(join(tmpdir(), 'gondolin-vfs-'));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      return new RealFSProvider(directory);
    },
  },
];

describe.each(PROVIDERS)('$name', ({ make }) => {
  async function start() {
    const client = await FuseClient.start(make());
    onTestFinished(() => client.server.close());
    return { client, root: await client.walk('m') };
  }

  it('reads back what was written, also over a hole and after the file is unlinked', async () => {
    const { client, root } = await start();
    const { id, handle } = await client.create(root, 'file');
    await client.write(id, handle, 100_000, Buffer.from('end'));
    expect((await client.stat(id)).size).toBe(100_003);
    await client.unlink(root, 'file');
    const { body } = await client.read(id, handle, 99_998, 10);
    expect(body).toEqual(Buffer.from('\0\0end'));
    expect((await client.stat(id)).nlink).toBe(0);
    await client.release(id, handle);
  });

  it('create with O_EXCL fails with EEXIST, without it opens what is there', async () => {
    const { client, root } = await start();
    const first = await client.create(root, 'file', 0o644, 0o202);
    await expect(client.create(root, 'file', 0o644, 0o202)).rejects.toThrow('EEXIST');
    expect((await client.create(root, 'file')).id).toBe(first.id);
  });

  it('remembers owner, set-id bits and times as the guest set them', async () => {
    const { client, root } = await start();
    const { id } = await client.create(root, 'file');
    await client.setattr(id, { uid: 1234, gid: 5678 });
    await client.setattr(id, { mode: 0o4751, mtimeNs: 1_234_567_890_123_456_789n });
    expect(await client.stat(id)).toMatchObject({
      ...{ uid: 1234, gid: 5678, mode: 0o104751, mtimeNs: 1_234_567_890_123_456_789n },
    });
  });

  it('a file belongs to the guest user who made it, and to the group of a set-group-id directory', async () => {
    const { client, root } = await start();
    client.caller = { uid: 1000, gid: 1000 };
    expect(await client.stat((await client.create(root, 'mine')).id)).toMatchObject({
      uid: 1000,
      gid: 1000,
    });
    await client.mkdir(root, 'team');
    const team = await client.walk('m/team');
    await client.setattr(team, { gid: 50 });
    await client.setattr(team, { mode: 0o2775 });
    expect(await client.stat((await client.create(team, 'shared')).id)).toMatchObject({
      uid: 1000,
      gid: 50,
    });
    await client.mkdir(team, 'below');
    expect((await client.stat(await client.walk('m/team/below'))).mode & 0o2000).toBe(0o2000);
  });

  it('devices, FIFOs and links exist for the guest', async () => {
    const { client, root } = await start();
    expect((await client.mknod(root, 'null', 0o020666, 259)).status).toBe('ok');
    expect(await client.stat(await client.walk('m/null'))).toMatchObject({
      mode: 0o020666,
      rdev: 259,
    });
    await client.mknod(root, 'fifo', 0o010600);
    expect((await client.stat(await client.walk('m/fifo'))).mode).toBe(0o010600);
    await client.symlink(root, 'link', '../../etc/passwd');
    const link = await client.walk('m/link');
    expect((await client.request(5, link, Buffer.alloc(0))).body.toString()).toBe(
      '../../etc/passwd',
    );
    await client.setattr(link, { uid: 7 });
    expect(await client.stat(link)).toMatchObject({ uid: 7 });
    await expect(client.open(await client.walk('m/null'), 0)).rejects.toThrow('EACCES');
  });

  it('rename replaces, refuses and exchanges as renameat2 does', async () => {
    const { client, root } = await start();
    const a = await client.create(root, 'a');
    const b = await client.create(root, 'b');
    expect((await client.rename(root, 'a', root, 'b', 1)).status).toBe('EEXIST');
    expect((await client.rename(root, 'a', root, 'b', 2)).status).toBe('ok');
    expect(await client.walk('m/a')).toBe(b.id);
    expect((await client.rename(root, 'a', root, 'b')).status).toBe('ok');
    expect(await client.walk('m/b')).toBe(b.id);
    await expect(client.walk('m/a')).rejects.toThrow('ENOENT');
    expect((await client.stat(a.id)).nlink).toBe(0);
    expect((await client.rename(root, 'no', root, 'x')).status).toBe('ENOENT');
    await client.mkdir(root, 'd');
    expect((await client.rename(root, 'd', await client.walk('m/d'), 'd')).status).toBe('EINVAL');
  });

  it('hard links are one node', async () => {
    const { client, root } = await start();
    const { id } = await client.create(root, 'one');
    expect((await client.link(id, root, 'two')).status).toBe('ok');
    expect(await client.walk('m/two')).toBe(id);
    expect((await client.stat(id)).nlink).toBe(2);
    await client.unlink(root, 'one');
    expect((await client.stat(await client.walk('m/two'))).nlink).toBe(1);
  });

  it('a directory of thousands is listed whole, with the inode numbers that stat gives', async () => {
    const { client, root } = await start();
    await client.mkdir(root, 'many');
    const many = await client.walk('m/many');
    const names = Array.from({ length: 2_500 }, (_, index) => `name-${index}`);
    await Promise.all(names.map((name) => client.mknod(many, name, 0o100644)));
    const reader = new DirectoryReader(client);
    const listed = await reader.all(many);
    expect(listed.map(({ name }) => name).sort()).toEqual(['.', '..', ...names].sort());
    const inos = new Map(listed.map(({ name, ino }) => [name, ino]));
    expect(inos.get('.')).toBe((await client.stat(many)).ino);
    expect(inos.get('..')).toBe((await client.stat(root)).ino);
    for (const name of ['name-0', 'name-1234', 'name-2499']) {
      expect(inos.get(name)).toBe((await client.stat(await client.walk(`m/many/${name}`))).ino);
    }
    const plus = await reader.all(many, { isPlus: true });
    expect(plus.map(({ name, ino }) => [name, ino])).toEqual(
      listed.map(({ name, ino }) => [name, ino]),
    );
    const above = (await reader.all(root)).find(({ name }) => name === '..');
    expect(above?.ino).toBe((await client.stat(root)).ino);
  });

  it('lists every name once, special ones too', async () => {
    const { client, root } = await start();
    const names = ['a b', 'ü', 'n'.repeat(255), ...Array.from({ length: 300 }, (_, n) => `f${n}`)];
    for (const name of names) await client.mknod(root, name, 0o100644);
    expect((await client.list(root)).toSorted()).toEqual(names.toSorted());
  });

  it.each(['', '.', '..', 'a/b', 'n'.repeat(256)])('refuses the name "%s"', async (name) => {
    const { client, root } = await start();
    expect((await client.mkdir(root, name)).status).toMatch(/EINVAL|ENAMETOOLONG/);
  });

  it('O_TRUNC empties, truncate grows with zeros, O_APPEND appends', async () => {
    const { client, root } = await start();
    const { id, handle } = await client.create(root, 'file');
    await client.write(id, handle, 0, Buffer.from('hello'));
    const append = await client.open(id, 0o2001);
    await client.write(id, append, 0, Buffer.from('!'));
    expect((await client.read(id, handle, 0, 100)).body.toString()).toBe('hello!');
    await client.setattr(id, { size: 8 });
    expect((await client.read(id, handle, 4, 100)).body).toEqual(Buffer.from('o!\0\0'));
    await client.open(id, 0o1002);
    expect((await client.stat(id)).size).toBe(0);
  });

  it.each(['open', 'create'])(
    'a shared mapping of a file of O_RDWR and O_APPEND is written in place, after %s()',
    async (how) => {
      const { client, root } = await start();
      const O_RDWR_APPEND = 0o2002;
      const FUSE_WRITE_CACHE = 1;
      const made = await client.create(root, 'file', 0o444, how === 'open' ? 0o2 : O_RDWR_APPEND);
      const handle = how === 'open' ? await client.open(made.id, O_RDWR_APPEND) : made.handle;
      await client.write(made.id, handle, 0, Buffer.from('hello'));
      await client.write(made.id, handle, 0, Buffer.from('J'), FUSE_WRITE_CACHE);
      await client.write(made.id, handle, 0, Buffer.from('!'));
      expect((await client.read(made.id, handle, 0, 100)).body.toString()).toBe('Jello!');
      expect((await client.release(made.id, handle)).status).toBe('ok');
    },
  );

  it('a directory that is not empty stays; an empty one goes', async () => {
    const { client, root } = await start();
    await client.mkdir(root, 'd');
    await client.create(await client.walk('m/d'), 'f');
    expect((await client.request(11, root, client.name('d'))).status).toBe('ENOTEMPTY');
    await client.unlink(await client.walk('m/d'), 'f');
    expect((await client.request(11, root, client.name('d'))).status).toBe('ok');
    expect(await client.list(root)).toEqual([]);
  });
});
