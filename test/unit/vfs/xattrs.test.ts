import { expect, it, onTestFinished } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { XattrClient } from '../../fixtures/xattr-client.ts';

const KIB = 1024;

async function serve(provider: VfsProvider, path = 'm/file') {
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  const id = await client.walk(path);
  return { client, id, xattrs: new XattrClient(client, id) };
}

function memory(maxBytes?: number): MemoryProvider {
  const bounds = maxBytes === undefined ? {} : { maxBytes };
  const files = new MemoryProvider({ extendedAttributes: true, ...bounds });
  files.writeFile('file', 'content');
  return files;
}

it('attributes are made, replaced, listed and removed, with the errors of Linux', async () => {
  const { xattrs } = await serve(memory());
  expect(await xattrs.list()).toEqual([]);
  expect(await xattrs.get('user.a')).toBe('ENODATA');
  expect(await xattrs.set('user.a', 'one', { flags: 2 })).toBe('ENODATA');
  expect(await xattrs.set('user.a', 'one', { flags: 1 })).toBe('ok');
  expect(await xattrs.set('user.a', 'two', { flags: 1 })).toBe('EEXIST');
  expect(await xattrs.set('user.a', 'three', { flags: 2 })).toBe('ok');
  expect(await xattrs.set('trusted.overlay.opaque', 'y')).toBe('ok');
  expect(await xattrs.set('security.capability', '')).toBe('ok');
  expect(await xattrs.list()).toEqual(['user.a', 'trusted.overlay.opaque', 'security.capability']);
  expect(await xattrs.get('user.a')).toEqual(Buffer.from('three'));
  expect(await xattrs.get('security.capability')).toEqual(Buffer.alloc(0));
  expect(await xattrs.remove('user.a')).toBe('ok');
  expect(await xattrs.remove('user.a')).toBe('ENODATA');
  expect(await xattrs.get('user.a')).toBe('ENODATA');
});

it('a caller without room gets the size, and one with too little ERANGE', async () => {
  const { xattrs } = await serve(memory());
  await xattrs.set('user.a', 'x'.repeat(100));
  expect(await xattrs.size('user.a')).toBe(100);
  expect(await xattrs.get('user.a', 99)).toBe('ERANGE');
  expect(await xattrs.get('user.a', 100)).toHaveLength(100);
});

it.each([
  ['system.nfs4_acl', 'EOPNOTSUPP'],
  ['other.name', 'EOPNOTSUPP'],
  ['user.', 'EINVAL'],
  [`user.${'x'.repeat(251)}`, 'ERANGE'],
])('the name %s fails with %s', async (name, code) => {
  const { xattrs } = await serve(memory());
  expect(await xattrs.set(name, 'x')).toBe(code);
  expect(await xattrs.get(name)).toBe(code);
});

it('what a forged request says of its size is refused', async () => {
  const { xattrs } = await serve(memory());
  expect(await xattrs.set('user.a', 'x', { sizeBytes: 2 })).toBe('EINVAL');
  expect(await xattrs.set('user.a', 'x', { flags: 4 })).toBe('EINVAL');
  expect(await xattrs.set('user.a', 'x'.repeat(64 * KIB + 1))).toBe('E2BIG');
  expect(await xattrs.list()).toEqual([]);
});

it('values count against the size of memory, and are given back', async () => {
  const { client, xattrs } = await serve(memory(300 * KIB));
  const value = 'x'.repeat(60 * KIB);
  const results = [];
  for (let index = 0; index < 6; index++) results.push(await xattrs.set(`user.${index}`, value));
  expect(results.at(-1)).toBe('ENOSPC');
  const kept = results.filter((result) => result === 'ok').length;
  // Replacing takes the bytes of both for a moment.
  for (let index = 0; index < kept; index++) await xattrs.remove(`user.${index}`);
  for (let index = 0; index < kept; index++)
    expect(await xattrs.set(`user.${index}`, value)).toBe('ok');
  // What a removed file had is free again.
  await client.unlink(await client.walk('m'), 'file');
  const all = Buffer.alloc(8);
  all.writeBigUInt64LE(1_000n, 0);
  void client.request(OPCODE.FORGET, xattrs.id, all);
  const { id } = await client.create(await client.walk('m'), 'new', 0o644);
  expect(await new XattrClient(client, id).set('user.0', value)).toBe('ok');
});

it('names of one file have 64 KiB at most', async () => {
  const { xattrs } = await serve(memory());
  let result = '';
  let count = 0;
  while (result !== 'ENOSPC' && count < 400) {
    result = await xattrs.set(`user.${`${count++}`.padEnd(245, 'x')}`, '');
  }
  expect(count).toBe(262);
});

it('without any provider that has attributes the kernel is told not to ask again', async () => {
  const { xattrs } = await serve(new OverlayProvider(new MemoryProvider(), memory()));
  expect(await xattrs.get('user.a')).toBe('ENOSYS');
  expect(await xattrs.set('user.a', 'x')).toBe('ENOSYS');
  expect(await xattrs.remove('user.a')).toBe('ENOSYS');
});

it('a read-only mount shows attributes and changes none', async () => {
  const files = memory();
  const { xattrs } = await serve(new ReadonlyProvider(files));
  expect(await xattrs.list()).toEqual([]);
  expect(await xattrs.set('user.a', 'x')).toBe('EROFS');
  expect(await xattrs.remove('user.a')).toBe('EROFS');
});

it('an overlay copies a file with its attributes when one is set', async () => {
  const lower = memory();
  const root = lower.start({ uid: 0, gid: 0 });
  const below = lower.lookup(root, 'file');
  await lower.extendedAttributes?.set(below, 'user.a', Buffer.from('below'), 0);
  const upper = new MemoryProvider({ extendedAttributes: true });
  const { xattrs } = await serve(new OverlayProvider(upper, lower));
  expect(await xattrs.get('user.a')).toEqual(Buffer.from('below'));
  expect(await xattrs.remove('user.none')).toBe('ENODATA');
  expect(upper.readdir()).toEqual([]);
  expect(await xattrs.set('user.b', 'above')).toBe('ok');
  expect(upper.readFile('file').toString()).toBe('content');
  expect(await xattrs.list()).toEqual(['user.a', 'user.b']);
  expect(await xattrs.remove('user.a')).toBe('ok');
  expect(await xattrs.list()).toEqual(['user.b']);
  expect(lower.extendedAttributes?.list(below)).toEqual(['user.a']);
});

it('a saved machine has the attributes of files in memory', async () => {
  const { client, xattrs } = await serve(memory());
  await xattrs.set('user.a', 'kept');
  await client.server.quiesce();
  const state = JSON.parse(JSON.stringify(await client.server.exportState()));
  const again = await FuseClient.start(
    new MemoryProvider({ extendedAttributes: true }),
    undefined,
    state,
  );
  onTestFinished(() => again.server.close());
  const restored = new XattrClient(again, xattrs.id);
  expect(await restored.get('user.a')).toEqual(Buffer.from('kept'));
});

it('hooks see each use of an attribute, and can refuse it', async () => {
  const seen: string[] = [];
  const client = await FuseClient.start(memory(), undefined, undefined, {
    hooks: {
      before: ({ op, path, name }) => {
        if (!op.endsWith('xattr')) return;
        seen.push(`${op} ${path} ${name ?? ''}`);
        if (op === 'setxattr') throw Object.assign(new Error('no'), { code: 'EACCES' });
      },
    },
  });
  onTestFinished(() => client.server.close());
  const xattrs = new XattrClient(client, await client.walk('m/file'));
  expect(await xattrs.set('user.a', 'x')).toBe('EACCES');
  expect(await xattrs.get('user.a')).toBe('ENODATA');
  expect(await xattrs.list()).toEqual([]);
  expect(await xattrs.remove('user.a')).toBe('ENODATA');
  expect(seen).toEqual([
    'setxattr /data/file user.a',
    'getxattr /data/file user.a',
    'listxattr /data/file ',
    'removexattr /data/file user.a',
  ]);
});
