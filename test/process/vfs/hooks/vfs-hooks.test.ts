import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { OPCODE } from '../../../../src/protocol/fuse/fuse-abi.ts';
import type { VfsHookContext, VfsHooks } from '../../../../src/vfs/hooks/vfs-hooks.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../../src/vfs/real-fs-provider.ts';
import { VfsError } from '../../../../src/vfs/vfs-error.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';
import { GreetingProvider } from '../../../fixtures/package/greeting-provider.ts';

/** Flag of struct fuse_open_out: no file needs a FLUSH. */
const NOFLUSH = 32;
const O_RDWR = 2;

/** A client of a mount at /data with these hooks, and what its hooks did wrong. */
async function serve(hooks: VfsHooks, provider: VfsProvider = new MemoryProvider()) {
  const faults: string[] = [];
  const client = await FuseClient.start(provider, undefined, undefined, {
    hooks,
    onHookFault: (hook, message, isMeant) => {
      if (!isMeant) faults.push(`${hook}: ${message}`);
    },
  });
  onTestFinished(() => client.server.close());
  return { client, faults, root: await client.walk('m') };
}

/** Hooks that write down what they see. */
function recorder() {
  const seen: string[] = [];
  const show = ({ op, path, newPath }: VfsHookContext) =>
    [op, path, newPath].filter((part) => part !== undefined).join(' ');
  return {
    seen,
    hooks: {
      before: (context: VfsHookContext) => void seen.push(`before ${show(context)}`),
      after: (context: VfsHookContext) => void seen.push(`after ${show(context)}`),
    },
  };
}

function realTree(): { directory: string; provider: RealFSProvider } {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-hooks-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return { directory, provider: new RealFSProvider(directory) };
}

it.each([
  { kind: 'MemoryProvider', make: () => new MemoryProvider() },
  { kind: 'RealFSProvider', make: () => realTree().provider },
])(
  'hooks see each operation on a $kind with its guest path, before and after',
  async ({ make }) => {
    const { hooks, seen } = recorder();
    const { client, root } = await serve(hooks, make());
    const directory = Number((await client.mkdir(root, 'src')).body.readBigUInt64LE(0));
    const { id, handle } = await client.create(directory, 'ä.txt');
    await client.write(id, handle, 0, Buffer.from('hello'));
    await client.read(id, handle, 0, 100);
    await client.setattr(id, { size: 2, mode: 0o600 });
    await client.rename(directory, 'ä.txt', root, 'b.txt');
    await client.stat(id);
    await client.link(id, directory, 'c.txt');
    await client.symlink(root, 'link', 'b.txt');
    await client.unlink(root, 'b.txt');
    await client.release(id, handle);
    const operations = [
      'mkdir /data/src',
      'create /data/src/ä.txt',
      'write /data/src/ä.txt',
      'read /data/src/ä.txt',
      'truncate /data/src/ä.txt',
      'chmod /data/src/ä.txt',
      'rename /data/src/ä.txt /data/b.txt',
      'stat /data/b.txt',
      'link /data/b.txt /data/src/c.txt',
      'symlink /data/link',
      'unlink /data/b.txt',
    ];
    const pairs = operations.flatMap((one) =>
      one.startsWith('truncate')
        ? [`before ${one}`, 'before chmod /data/src/ä.txt', `after ${one}`]
        : one.startsWith('chmod')
          ? [`after ${one}`]
          : [`before ${one}`, `after ${one}`],
    );
    expect(seen.slice(0, pairs.length)).toEqual(pairs);
    // The file still has the name c.txt, which RealFSProvider may not have seen yet.
    expect(seen.slice(pairs.length).map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
      'before release',
      'after release',
    ]);
  },
);

it('hooks see the paths of a provider without place(), by the names that the guest asked for', async () => {
  const { hooks, seen } = recorder();
  const { client, root } = await serve(hooks, new GreetingProvider(['ada']));
  const id = Number(
    (await client.request(OPCODE.LOOKUP, root, client.name('ada'))).body.readBigUInt64LE(0),
  );
  const handle = await client.open(id, 0);
  await client.read(id, handle, 0, 100);
  expect(seen.filter((one) => one.startsWith('after'))).toEqual([
    'after lookup /data/ada',
    'after open /data/ada',
    'after read /data/ada',
  ]);
});

it('hooks see the new path of a renamed node of a provider without place()', async () => {
  const { hooks, seen } = recorder();
  const provider: VfsProvider = new MemoryProvider();
  Object.defineProperty(provider, 'place', { value: undefined });
  const { client, root } = await serve(hooks, provider);
  const { id } = await client.create(root, 'old');
  await client.mkdir(root, 'd');
  await client.rename(root, 'old', await client.walk('m/d'), 'new');
  await client.stat(id);
  expect(seen.at(-1)).toBe('after stat /data/d/new');
});

it('before that throws refuses with EACCES, or with the number or code of its error', async () => {
  const errors: Readonly<Record<string, unknown>> = {
    plain: new Error('no'),
    named: new VfsError('EROFS'),
    node: Object.assign(new Error('no'), { code: 'ENOSPC' }),
    number: { errno: 28 },
    // It would end the file server if it came out as it is.
    ours: new GondolinError('VM_NOT_RUNNING', 'VM is not running'),
    // The kernel takes no such number.
    huge: { errno: 4000 },
    nothing: undefined,
    mistake: new TypeError('path.startWith is not a function'),
  };
  const before = ({ op, path }: VfsHookContext) => {
    if (op === 'mkdir') throw errors[path.slice('/data/'.length)];
  };
  const { client, root, faults } = await serve({ before });
  const statuses = Object.keys(errors).map(
    async (name) => [name, (await client.mkdir(root, name)).status] as const,
  );
  expect(Object.fromEntries(await Promise.all(statuses))).toEqual({
    plain: 'EACCES',
    named: 'EROFS',
    node: 'ENOSPC',
    number: 'ENOSPC',
    ours: 'EACCES',
    huge: 'EACCES',
    nothing: 'EACCES',
    mistake: 'EACCES',
  });
  expect(faults).toEqual(['before: /data/mistake: path.startWith is not a function']);
  await expect(client.walk('m/plain')).rejects.toThrow('ENOENT');
});

it('beforeOpen refuses opening and creating, with the flags of open(2)', async () => {
  const opened: [string, number][] = [];
  const beforeOpen = async (path: string, flags: number) => {
    opened.push([path, flags]);
    if (path.endsWith('secret')) throw new Error('private');
  };
  const files = new MemoryProvider();
  files.writeFile('secret', 'x');
  const { client, root } = await serve({ beforeOpen }, files);
  const id = await client.walk('m/secret');
  await expect(client.open(id, O_RDWR)).rejects.toThrow('EACCES');
  await expect(client.create(root, 'other-secret')).rejects.toThrow('EACCES');
  await client.create(root, 'open');
  expect(opened).toEqual([
    ['/data/secret', O_RDWR],
    ['/data/other-secret', 0o102],
    ['/data/open', 0o102],
  ]);
  expect(files.readdir()).toEqual(['open', 'secret']);
});

it('onRead and onWrite replace bytes, and afterRead and afterWrite count them', async () => {
  const counts: unknown[] = [];
  const files = new MemoryProvider();
  const upper = (text: string) => text.toUpperCase();
  const { client, root } = await serve(
    {
      onWrite: (_path, data, { offset }) => Buffer.from(`${offset}${data.subarray(1)}`),
      onRead: async (path, data) => (path === '/data/file' ? upper(`${data}`) : undefined),
      afterRead: (path, n) => void counts.push(['read', path, n]),
      afterWrite: (path, n) => void counts.push(['write', path, n]),
    },
    files,
  );
  const { id, handle } = await client.create(root, 'file');
  const { body: written } = await client.write(id, handle, 0, Buffer.from('hello'));
  expect(written.readUInt32LE(0)).toBe(5);
  await client.write(id, handle, 5, Buffer.from('there'));
  expect(files.readFile('file').toString()).toBe('0ello5here');
  expect((await client.read(id, handle, 0, 100)).body.toString()).toBe('0ELLO5HERE');
  expect((await client.read(id, handle, 10, 100)).body.length).toBe(0);
  expect(counts).toEqual([
    ['write', '/data/file', 5],
    ['write', '/data/file', 5],
    ['read', '/data/file', 10],
  ]);
});

it('onRead and onWrite that return another number of bytes fail with EIO, and write nothing', async () => {
  const files = new MemoryProvider();
  files.writeFile('file', 'hello');
  const longer = () => 'much longer';
  const { client, faults } = await serve({ onRead: longer, onWrite: longer }, files);
  const id = await client.walk('m/file');
  const handle = await client.open(id, O_RDWR);
  expect((await client.read(id, handle, 0, 100)).status).toBe('EIO');
  expect((await client.write(id, handle, 0, Buffer.from('xyz'))).status).toBe('EIO');
  expect(files.readFile('file').toString()).toBe('hello');
  expect(faults).toEqual([
    'onRead: /data/file: it returned 11 bytes instead of 5 bytes',
    'onWrite: /data/file: it returned 11 bytes instead of 3 bytes',
  ]);
});

it('an error of after, afterWrite and beforeClose is reported and changes nothing', async () => {
  const fail = (name: string) => () => {
    throw new Error(name);
  };
  const { client, root, faults } = await serve({
    after: ({ op }) => (op === 'write' ? Promise.reject(new Error('a')) : undefined),
    afterWrite: fail('w'),
    beforeClose: fail('c'),
  });
  const { id, handle } = await client.create(root, 'file');
  expect((await client.write(id, handle, 0, Buffer.from('x'))).status).toBe('ok');
  expect((await client.release(id, handle)).status).toBe('ok');
  expect((await client.read(id, handle, 0, 1)).status).toBe('EBADF');
  expect(faults).toEqual([
    'afterWrite: /data/file: w',
    'after: /data/file: a',
    'beforeClose: /data/file: c',
  ]);
});

it.each([
  { set: 'onRead', hooks: { onRead: () => undefined }, flags: 1 },
  { set: 'before', hooks: { before: () => undefined }, flags: 1 },
  { set: 'beforeOpen', hooks: { beforeOpen: () => undefined }, flags: 0 },
])('an opened file has direct I/O with $set: $flags', async ({ hooks, flags }) => {
  const files = new MemoryProvider();
  files.writeFile('file', 'x');
  const { client, root } = await serve(hooks, files);
  const opened = await client.request(OPCODE.OPEN, await client.walk('m/file'), Buffer.alloc(8));
  expect(opened.body.readUInt32LE(8)).toBe(flags | NOFLUSH);
  const body = Buffer.concat([client.numbers(0o102, 0o644, 0, 0), client.name('new')]);
  const created = await client.request(OPCODE.CREATE, root, body);
  expect(created.body.readUInt32LE(128 + 8)).toBe(flags | NOFLUSH);
});

it('a slow hook holds only its request, and an interrupt ends its wait with EINTR', async () => {
  let release: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const files = new MemoryProvider();
  const { client, root } = await serve(
    { before: ({ op, path }) => (op === 'mkdir' && path !== '/data/fast' ? slow : undefined) },
    files,
  );
  // Requests of this client count from 1: `walk` was the first.
  const held = client.mkdir(root, 'held');
  const interrupted = client.mkdir(root, 'interrupted');
  expect((await client.mkdir(root, 'fast')).status).toBe('ok');
  const unique = Buffer.alloc(8);
  unique.writeBigUInt64LE(3n);
  void client.request(OPCODE.INTERRUPT, 0, unique);
  expect((await interrupted).status).toBe('EINTR');
  expect(files.readdir()).toEqual(['fast']);
  release();
  expect((await held).status).toBe('ok');
  expect(files.readdir()).toEqual(['fast', 'held']);
});

it('a hook that never answers does not hold the end of the server', async () => {
  const { client, root } = await serve({ before: () => new Promise<void>(() => undefined) });
  void client.mkdir(root, 'held');
  await new Promise((resolve) => setImmediate(resolve));
  await client.server.close();
  expect(client.server.load.requests).toBe(0);
});

it('a listing with hooks gives no attributes, so that each entry is asked for by lookup', async () => {
  const files = new MemoryProvider();
  files.writeFile('file', 'x');
  const { client, root } = await serve({ before: () => undefined }, files);
  const directory = await client.request(OPCODE.OPENDIR, root, Buffer.alloc(8));
  const body = Buffer.alloc(40);
  directory.body.copy(body, 0, 0, 8);
  body.writeUInt32LE(4096, 16);
  const listed = (await client.request(OPCODE.READDIRPLUS, root, body)).body;
  expect(listed.toString('latin1')).toContain('file');
  for (let at = 0; at < listed.length; ) {
    expect(listed.readBigUInt64LE(at)).toBe(0n);
    at += 128 + Math.ceil((24 + listed.readUInt32LE(at + 128 + 16)) / 8) * 8;
  }
});

it('a read-only mount refuses changes with EROFS, and its hooks see reads', async () => {
  const { directory, provider } = realTree();
  writeFileSync(join(directory, 'file'), 'hello');
  const { hooks, seen } = recorder();
  const { client, root } = await serve(hooks, new ReadonlyProvider(provider));
  const id = await client.walk('m/file');
  const handle = await client.open(id, 0);
  await client.read(id, handle, 0, 10);
  expect((await client.unlink(root, 'file')).status).toBe('EROFS');
  expect(seen.slice(-3)).toEqual([
    'before read /data/file',
    'after read /data/file',
    'before unlink /data/file',
  ]);
  expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('hello');
});

it('a restored server knows the paths of nodes and handles of the saved one', async () => {
  const files = new MemoryProvider();
  const first = await FuseClient.start(files);
  const root = await first.walk('m');
  const directory = Number((await first.mkdir(root, 'd')).body.readBigUInt64LE(0));
  const { id, handle } = await first.create(directory, 'file');
  await first.server.quiesce();
  const state: unknown = JSON.parse(JSON.stringify(await first.server.exportState()));
  await first.server.close();
  const { hooks, seen } = recorder();
  const second = await FuseClient.start(new MemoryProvider(), undefined, state, { hooks });
  onTestFinished(() => second.server.close());
  await second.write(id, handle, 0, Buffer.from('x'));
  await second.release(id, handle);
  expect(seen).toEqual([
    'before write /data/d/file',
    'after write /data/d/file',
    'before release /data/d/file',
    'after release /data/d/file',
  ]);
});

it('watch() gives each operation that succeeded until it is ended', async () => {
  const { client, root } = await serve({
    before: ({ op }) => {
      if (op === 'rmdir') throw new Error('no');
    },
  });
  const seen: string[] = [];
  const stop = client.server.watch(({ op, path, result }) =>
    seen.push(`${op} ${path} ${result ?? ''}`),
  );
  const { id, handle } = await client.create(root, 'file');
  await client.write(id, handle, 0, Buffer.from('abc'));
  await client.request(OPCODE.RMDIR, root, client.name('file'));
  await client.request(OPCODE.UNLINK, root, client.name('absent'));
  stop();
  await client.mkdir(root, 'd');
  expect(seen).toEqual(['create /data/file ', 'write /data/file 3']);
});

it('a guest that names another node for an open directory does not change the path that hooks see', async () => {
  const files = new MemoryProvider();
  files.writeFile('secret/file', 'x');
  const listed: string[] = [];
  const { client, root } = await serve(
    { before: ({ op, path }) => void (op === 'readdir' && listed.push(path)) },
    files,
  );
  const secret = await client.walk('m/secret');
  const opened = await client.request(OPCODE.OPENDIR, secret, Buffer.alloc(8));
  const body = Buffer.alloc(40);
  opened.body.copy(body, 0, 0, 8);
  body.writeUInt32LE(4096, 16);
  for (const opcode of [OPCODE.READDIR, OPCODE.READDIRPLUS]) {
    expect((await client.request(opcode, root, body)).body.toString('latin1')).toContain('file');
  }
  expect(listed).toEqual(['/data/secret', '/data/secret']);
});
