import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-snapshot-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function serve(provider: VfsProvider, state?: unknown): Promise<FuseClient> {
  const client = await FuseClient.start(provider, { uid: 0, gid: 0 }, state);
  onTestFinished(() => client.server.close());
  return client;
}

/** The state as it comes from its file. */
async function save(client: FuseClient): Promise<unknown> {
  await client.server.quiesce();
  const state: unknown = JSON.parse(JSON.stringify(await client.server.exportState()));
  await client.server.close();
  return state;
}

const text = (reply: { readonly body: Buffer }) => reply.body.toString();

it('restored handles read and write the files of the host as they are now', async () => {
  const directory = temporary();
  const before = await serve(new RealFSProvider(directory));
  const root = await before.walk('m');
  const { id, handle } = await before.create(root, 'log');
  await before.write(id, handle, 0, Buffer.from('one '));
  const append = await before.open(id, 0o2001);
  const state = await save(before);
  appendFileSync(join(directory, 'log'), 'host ');

  const client = await serve(new RealFSProvider(directory), state);
  expect(text(await client.read(id, handle, 0, 100))).toBe('one host ');
  await client.write(id, append, 0, Buffer.from('two'));
  expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('one host two');
  await client.write(id, handle, 0, Buffer.from('ONE'));
  expect(text(await client.read(id, handle, 0, 3))).toBe('ONE');
  expect(await client.walk('m/log')).toBe(id);
  expect((await client.create(root, 'later')).id).toBeGreaterThan(id);
  expect((await client.release(id, handle)).status).toBe('ok');
  expect((await client.read(id, handle, 0, 1)).status).toBe('EBADF');
});

it('a file that was removed or replaced fails with ESTALE, on its node and on its handles', async () => {
  const directory = temporary();
  for (const name of ['gone', 'other']) writeFileSync(join(directory, name), name);
  const before = await serve(new RealFSProvider(directory));
  const [gone, other] = [await before.walk('m/gone'), await before.walk('m/other')];
  const handles = [await before.open(gone, 0), await before.open(other, 0)];
  const state = await save(before);
  rmSync(join(directory, 'gone'));
  rmSync(join(directory, 'other'));
  // The file system gives the inode numbers of the removed ones again.
  writeFileSync(join(directory, 'other'), 'new content');
  writeFileSync(join(directory, 'third'), 'third');

  const client = await serve(new RealFSProvider(directory), state);
  for (const [index, id] of [gone, other].entries()) {
    expect((await client.read(id, handles[index] ?? 0n, 0, 10)).status).toBe('ESTALE');
    expect((await client.request(3, id, Buffer.alloc(16))).status).toBe('ESTALE');
    await expect(client.open(id, 0)).rejects.toThrow('ESTALE');
    expect((await client.release(id, handles[index] ?? 0n)).status).toBe('ok');
  }
  const found = await client.walk('m/other');
  expect(found).not.toBe(other);
  expect(text(await client.read(found, await client.open(found, 0), 0, 99))).toBe('new content');
});

it('a renamed file or directory is found again, inside the mount only', async () => {
  const directory = temporary();
  const outside = temporary();
  mkdirSync(join(directory, 'work/deep'), { recursive: true });
  mkdirSync(join(directory, 'away'));
  writeFileSync(join(directory, 'work/deep/open'), 'open');
  writeFileSync(join(directory, 'left'), 'left');
  const before = await serve(new RealFSProvider(directory));
  const cwd = await before.walk('m/work');
  const away = await before.walk('m/away');
  const open = await before.walk('m/work/deep/open');
  const handle = await before.open(open, 2);
  const left = await before.walk('m/left');
  const leftHandle = await before.open(left, 0);
  const state = await save(before);
  renameSync(join(directory, 'work'), join(directory, 'renamed'));
  renameSync(join(directory, 'renamed/deep/open'), join(directory, 'moved'));
  renameSync(join(directory, 'left'), join(outside, 'left'));
  renameSync(join(directory, 'away'), join(outside, 'away'));
  symlinkSync(outside, join(directory, 'link'));

  const client = await serve(new RealFSProvider(directory), state);
  expect(text(await client.read(open, handle, 0, 10))).toBe('open');
  expect(await client.walk('m/moved')).toBe(open);
  expect(await client.list(cwd)).toEqual(['deep']);
  expect(await client.walk('m/renamed')).toBe(cwd);
  await client.create(cwd, 'new');
  expect(readdirSync(join(directory, 'renamed')).sort()).toEqual(['deep', 'new']);
  expect((await client.read(left, leftHandle, 0, 10)).status).toBe('ESTALE');
  expect((await client.mkdir(away, 'x')).status).toBe('ESTALE');
  expect(readdirSync(join(outside, 'away'))).toEqual([]);
});

it('a working directory that was replaced fails with ESTALE until its name is looked up', async () => {
  const directory = temporary();
  mkdirSync(join(directory, 'd'));
  const before = await serve(new RealFSProvider(directory));
  const cwd = await before.walk('m/d');
  const state = await save(before);
  rmSync(join(directory, 'd'), { recursive: true });
  mkdirSync(join(directory, 'd'));
  const client = await serve(new RealFSProvider(directory), state);
  expect((await client.mkdir(cwd, 'x')).status).toBe('ESTALE');
  expect(await client.walk('m/d')).not.toBe(cwd);
});

it('the root of a mount is its host path, even when that was replaced', async () => {
  const directory = temporary();
  mkdirSync(join(directory, 'dist'));
  const before = await serve(new RealFSProvider(join(directory, 'dist')));
  const root = await before.walk('m');
  const state = await save(before);
  rmSync(join(directory, 'dist'), { recursive: true });
  mkdirSync(join(directory, 'dist'));
  writeFileSync(join(directory, 'dist/built'), '');
  const client = await serve(new RealFSProvider(join(directory, 'dist')), state);
  expect(await client.list(root)).toEqual(['built']);
});

it('a directory that is being read continues at its position, whatever the host added', async () => {
  const directory = temporary();
  for (let file = 0; file < 50; file++) writeFileSync(join(directory, `f${file}`), '');
  const before = await serve(new RealFSProvider(directory));
  const root = await before.walk('m');
  const opened = await before.request(27, root, before.numbers(0, 0));
  const page = (client: FuseClient, offset: bigint) => {
    const head = Buffer.alloc(40);
    opened.body.copy(head, 0, 0, 8);
    head.writeBigUInt64LE(offset, 8);
    head.writeUInt32LE(1024, 16);
    return client.request(28, root, head);
  };
  const names: string[] = [];
  let offset = 0n;
  const take = ({ body }: { body: Buffer }) => {
    for (let at = 0; at < body.length; ) {
      const length = body.readUInt32LE(at + 16);
      offset = body.readBigUInt64LE(at + 8);
      names.push(body.toString('latin1', at + 24, at + 24 + length));
      at += (24 + length + 7) & ~7;
    }
    return body.length > 0;
  };
  take(await page(before, offset));
  const state = await save(before);
  for (let file = 50; file < 60; file++) writeFileSync(join(directory, `f${file}`), '');
  const client = await serve(new RealFSProvider(directory), state);
  while (take(await page(client, offset)));
  const expected = ['.', '..', ...Array.from({ length: 50 }, (_, file) => `f${file}`)];
  expect(names.toSorted()).toEqual(expected.toSorted());
});

it('the guest is notified of the files that changed since it received their attributes, and of no other', async () => {
  const directory = temporary();
  for (const name of ['same', 'grown', 'gone']) writeFileSync(join(directory, name), name);
  const before = await serve(new RealFSProvider(directory));
  await before.walk('m/same');
  const grown = await before.walk('m/grown');
  const gone = await before.walk('m/gone');
  const state = await save(before);
  appendFileSync(join(directory, 'grown'), '!');
  rmSync(join(directory, 'gone'));
  const client = await serve(new RealFSProvider(directory), state);
  const root = await client.walk('m');
  // The directory changed too: a name is gone.
  expect(client.invalidated.toSorted()).toEqual([root, grown, gone].toSorted());
  expect(client.staleNames).toEqual([[root, 'gone']]);
  expect((await client.stat(grown)).size).toBe(6);
});

it('the totals of the channel continue across a restore and include notifications', async () => {
  const directory = temporary();
  const before = await serve(new RealFSProvider(directory));
  const { id, handle } = await before.create(await before.walk('m'), 'f');
  await before.write(id, handle, 0, Buffer.alloc(100_000));
  expect(before.server.bytesIn).toBe(before.sentBytes);
  expect(before.server.bytesOut).toBe(before.receivedBytes);
  const state = await save(before);
  writeFileSync(join(directory, 'f'), 'x');
  const client = await serve(new RealFSProvider(directory), state);
  await client.stat(id);
  expect(client.invalidated).toContain(id);
  expect(client.server.bytesIn).toBe(before.sentBytes + client.sentBytes);
  expect(client.server.bytesOut).toBe(before.receivedBytes + client.receivedBytes);
});

it('quiesce() resolves once every request is served, and none is taken until resume()', async () => {
  const client = await serve(new RealFSProvider(temporary()));
  const root = await client.walk('m');
  const { id, handle } = await client.create(root, 'f');
  const written = client.write(id, handle, 0, Buffer.alloc(512 * 1024));
  await client.stat(id);
  await client.server.quiesce();
  expect((await written).status).toBe('ok');
  const total = client.server.bytesIn;
  const later = client.stat(id);
  await new Promise(setImmediate);
  expect(client.server.bytesIn).toBe(total);
  await client.server.exportState();
  client.server.resume();
  expect((await later).size).toBe(512 * 1024);
});

it('owners of symbolic links, which no attribute can keep, are saved and restored', async () => {
  const directory = temporary();
  const before = await serve(new RealFSProvider(directory));
  const root = await before.walk('m');
  await before.symlink(root, 'link', 'target');
  const link = await before.walk('m/link');
  await before.setattr(link, { uid: 77 });
  const client = await serve(new RealFSProvider(directory), await save(before));
  expect(await client.stat(link)).toMatchObject({ uid: 77 });
});

it('ReadonlyProvider continues to read; a handle from before it was read-only cannot write', async () => {
  const directory = temporary();
  writeFileSync(join(directory, 'f'), 'text');
  const before = await serve(new RealFSProvider(directory));
  const id = await before.walk('m/f');
  const [reads, writes] = [await before.open(id, 0), await before.open(id, 2)];
  const client = await serve(new ReadonlyProvider(directory), await save(before));
  expect(text(await client.read(id, reads, 0, 10))).toBe('text');
  expect((await client.write(id, writes, 0, Buffer.from('x'))).status).toBe('EROFS');
  expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('text');
});

it('MemoryProvider is saved and restored with its contents, holes, links and files without a name', async () => {
  const before = await serve(new MemoryProvider());
  const root = await before.walk('m');
  await before.mkdir(root, 'd', 0o2775);
  const d = await before.walk('m/d');
  const { id, handle } = await before.create(d, 'file', 0o640);
  await before.write(id, handle, 1_000_000, Buffer.from('end'));
  await before.link(id, root, 'second');
  await before.symlink(root, 'link', 'd/file');
  await before.mknod(root, 'null', 0o020666, 259);
  const lone = await before.create(root, 'lone');
  await before.write(lone.id, lone.handle, 0, Buffer.from('alone'));
  await before.unlink(root, 'lone');
  const seen = await before.stat(id);

  const provider = new MemoryProvider();
  provider.writeFile('stray', 'was put in before');
  const client = await serve(provider, await save(before));
  expect(await client.stat(id)).toEqual(seen);
  expect(text(await client.read(id, handle, 999_998, 10))).toBe('\0\0end');
  expect(text(await client.read(lone.id, lone.handle, 0, 10))).toBe('alone');
  expect(await client.walk('m/second')).toBe(id);
  expect((await client.list(root)).sort()).toEqual(['d', 'link', 'null', 'second']);
  expect((await client.stat(root)).nlink).toBe(3);
  expect(await client.stat(await client.walk('m/null'))).toMatchObject({ rdev: 259 });
  expect((await client.create(d, 'new')).id).toBeGreaterThan(id);
  expect((await client.stat(await client.walk('m/d/new'))).ino).not.toBe(seen.ino);
});

it('exportState() rejects with SNAPSHOT_UNSUPPORTED naming a mount that cannot be saved', async () => {
  const large = new MemoryProvider();
  for (let file = 0; file < 9; file++) large.writeFile(`f${file}`, Buffer.alloc(8 * 2 ** 20, 1));
  const own: VfsProvider = new MemoryProvider();
  Object.defineProperty(own, 'snapshot', { value: undefined });
  for (const provider of [large, new ReadonlyProvider(own)]) {
    const client = await FuseClient.start(provider);
    onTestFinished(() => client.server.close());
    await client.server.quiesce();
    await expect(client.server.exportState()).rejects.toMatchObject({
      code: 'SNAPSHOT_UNSUPPORTED',
      details: { mount: 1 },
    });
  }
});
