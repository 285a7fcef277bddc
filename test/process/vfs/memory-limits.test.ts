import { expect, it, onTestFinished } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const MAX_BYTES = 2 ** 20;

async function start() {
  const provider = new MemoryProvider({ maxBytes: MAX_BYTES });
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  return { client, provider, root: await client.walk('m') };
}

const freeBlocks = (provider: MemoryProvider) => provider.status().freeBlocks;

/** Makes things until that fails; gives how many were made and the error. */
async function fill(make: (index: number) => Promise<{ readonly status: string }>) {
  for (let index = 0; ; index++) {
    const { status } = await make(index);
    if (status !== 'ok') return { made: index, status };
  }
}

it.each<[string, (client: FuseClient, root: number, index: number) => Promise<{ status: string }>]>(
  [
    ['files', (client, root, index) => client.mknod(root, `f${index}`, 0o100644)],
    ['directories', (client, root, index) => client.mkdir(root, `f${index}`)],
    ['links', (client, root, index) => client.symlink(root, `f${index}`, 'x'.repeat(4000))],
    ['names', (client, root, index) => client.mknod(root, `${index}`.padEnd(255, 'n'), 0o100644)],
  ],
)('MemoryProvider counts %s against its limit, and gives the room back', async (_, make) => {
  const { client, provider, root } = await start();
  const { made, status } = await fill((index) => make(client, root, index));
  expect(status).toBe('ENOSPC');
  expect(made * 1024).toBeLessThan(MAX_BYTES);
  expect(freeBlocks(provider)).toBeLessThan(2);
  for (const name of await client.list(root)) {
    const id = await client.walk(`m/${name}`);
    await client.unlink(root, name);
    await client.request(OPCODE.RMDIR, root, client.name(name));
    const all = Buffer.alloc(8);
    all.writeBigUInt64LE(1_000n);
    void client.request(OPCODE.FORGET, id, all);
  }
  expect(await client.list(root)).toEqual([]);
  expect(freeBlocks(provider)).toBe(MAX_BYTES / 4096);
});

it('MemoryProvider counts hard links and files that have lost their name but are open', async () => {
  const { client, provider, root } = await start();
  const { id, handle } = await client.create(root, 'file');
  const { status } = await fill((index) => client.link(id, root, `${index}`.padEnd(255, 'n')));
  expect(status).toBe('ENOSPC');
  for (const name of await client.list(root)) await client.unlink(root, name);
  await client.write(id, handle, 0, Buffer.alloc(1000));
  const all = Buffer.alloc(8);
  all.writeBigUInt64LE(1_000_000n);
  void client.request(OPCODE.FORGET, id, all);
  expect(provider.status()).toMatchObject({ freeFiles: 999_998 });
  await client.release(id, handle);
  expect(provider.status()).toMatchObject({ freeFiles: 999_999 });
  expect(freeBlocks(provider)).toBe(MAX_BYTES / 4096);
});

it('MemoryProvider refuses names above 255 bytes and targets of no or 4,096 bytes, from outside too', async () => {
  const { client, provider, root } = await start();
  const long = 'n'.repeat(256);
  expect(() => provider.writeFile(`d/${long}`, 'x')).toThrow('ENAMETOOLONG');
  expect(() => provider.mkdir('ü'.repeat(128))).toThrow('ENAMETOOLONG');
  expect(() => provider.readFile(long)).toThrow('ENAMETOOLONG');
  expect((await client.symlink(root, 'l', 'x'.repeat(4096))).status).toBe('ENAMETOOLONG');
  expect((await client.symlink(root, 'l', '')).status).toBe('ENOENT');
  expect((await client.symlink(root, 'l', 'x'.repeat(4095))).status).toBe('ok');
});

it('MemoryProvider finds data after a hole of 2^52 bytes, and refuses a write that ends above 2^53', async () => {
  const { client, root } = await start();
  const { id, handle } = await client.create(root, 'file');
  await client.write(id, handle, 2 ** 52, Buffer.from('x'));
  const body = Buffer.alloc(24);
  body.writeBigUInt64LE(handle, 0);
  body.writeUInt32LE(3, 16);
  const found = await client.request(OPCODE.LSEEK, id, body);
  expect(found.body.readBigInt64LE(0)).toBe(2n ** 52n);
  const written = await client.write(id, handle, Number.MAX_SAFE_INTEGER, Buffer.from('x'));
  expect(written.status).toBe('EFBIG');
});
