import { expect, it, onTestFinished, vi } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { S_IFREG } from '../../../src/vfs/file-mode.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { DirectoryEntry } from '../../../src/vfs/provider.ts';
import { VfsError } from '../../../src/vfs/vfs-error.ts';
import { DirectoryReader } from '../../fixtures/directory-reader.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const MIB = 2 ** 20;

/** A root with as many names as asked for, which begin with `prefix`. */
class ManyNames extends MemoryProvider {
  prefix = '';
  count: number;
  constructor(count: number) {
    super();
    this.count = count;
  }
  override entries(): DirectoryEntry[] {
    return Array.from({ length: this.count }, (_, index) => ({
      name: `${this.prefix}${index}`,
      type: S_IFREG,
    }));
  }
}

/** With hooks directories are opened; without them the guest's kernel reads them with the handle 0. */
async function start<P extends MemoryProvider>(provider: P, { opens = false } = {}) {
  const client = await FuseClient.start(provider, undefined, undefined, opens ? { hooks: {} } : {});
  onTestFinished(() => client.server.close());
  const root = await client.walk('m');
  return { provider, client, root, reader: new DirectoryReader(client) };
}

it('equal listings of a directory are held once, however often it is open', async () => {
  const { client, root, reader } = await start(new ManyNames(1_000), { opens: true });
  const first = await reader.open(root);
  await reader.read(root, first);
  const { listingBytes } = client.server.load;
  expect(listingBytes).toBeGreaterThan(1_000 * 24);
  const others = await Promise.all(Array.from({ length: 60 }, () => reader.open(root)));
  await Promise.all(others.map((handle) => reader.read(root, handle)));
  expect(client.server.load.listingBytes).toBe(listingBytes);
  for (const handle of [first, ...others]) await reader.close(root, handle);
  expect(client.server.load.listingBytes).toBe(0);
});

it('listings above the budget fail with ENOMEM, and those that are closed make room', async () => {
  const { provider, client, root, reader } = await start(new ManyNames(10_000), { opens: true });
  const handles: bigint[] = [];
  for (let open = 0; ; open++) {
    provider.prefix = `${open}`.padEnd(240, 'x');
    const handle = await reader.open(root);
    handles.push(handle);
    const failed = await reader.read(root, handle).catch((error: Error) => error.message);
    expect(client.server.load.listingBytes).toBeLessThanOrEqual(64 * MIB);
    if (failed === 'ENOMEM') break;
  }
  expect(handles.length).toBeGreaterThan(20);
  const [first = 0n] = handles;
  const last = handles.at(-1) ?? 0n;
  await reader.close(root, first);
  expect(await reader.read(root, last)).not.toEqual([]);
  for (const handle of handles.slice(1)) await reader.close(root, handle);
  expect(client.server.load.listingBytes).toBe(0);
});

it('a listing changes only when reading starts over, and the old one is given back', async () => {
  const { provider, client, root, reader } = await start(new ManyNames(1_000), { opens: true });
  const handle = await reader.open(root);
  const [, , third] = await reader.read(root, handle);
  provider.prefix = 'changed-';
  const offset = third?.next ?? 0n;
  expect((await reader.read(root, handle, { offset }))[0]?.name).toBe('1');
  const before = client.server.load.listingBytes;
  expect((await reader.read(root, handle))[2]?.name).toBe('changed-0');
  expect(client.server.load.listingBytes).toBe(before + 1_000 * 8);
});

it('a directory that is closed while it is listed leaves no listing', async () => {
  const { client, root, reader } = await start(new ManyNames(20_000), { opens: true });
  const handle = await reader.open(root);
  const reading = reader.read(root, handle);
  await reader.close(root, handle);
  await reading;
  await client.stat(root);
  expect(client.server.load.listingBytes).toBe(0);
});

it('a directory that is not opened is read to its end in the listing where the read began', async () => {
  const { provider, root, reader } = await start(new ManyNames(1_000));
  const names: string[] = [];
  for (let offset = 0n; ; ) {
    const page = await reader.read(root, 0n, { offset });
    names.push(...page.map(({ name }) => name));
    offset = page.at(-1)?.next ?? 0n;
    if (page.length === 0) break;
    // Another program lists it meanwhile, as it is then.
    provider.prefix = `${names.length}-`;
    expect((await reader.read(root, 0n))[2]?.name).toBe(`${names.length}-0`);
  }
  expect(names.slice(2)).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));
  expect((await reader.all(root)).length).toBe(1_002);
});

it('a read that ends gives its listing back; of those that stop in the middle 64 are kept', async () => {
  const { provider, client, root, reader } = await start(new ManyNames(500));
  await reader.all(root);
  expect(client.server.load.listingBytes).toBe(0);
  const firsts = [];
  for (let read = 0; read < 200; read++) {
    provider.prefix = `${read}-`.padStart(6, '0');
    firsts.push(await reader.read(root, 0n));
  }
  const { listingBytes } = client.server.load;
  provider.prefix = '000-';
  await reader.read(root, 0n);
  expect(client.server.load.listingBytes).toBeLessThanOrEqual(listingBytes);
  // Its listing is gone: it goes on in a new one.
  const [, , , fourth] = firsts[0] ?? [];
  expect((await reader.read(root, 0n, { offset: fourth?.next ?? 0n }))[0]?.name).toBe('000-2');
});

it('reads that stop in the middle do not keep others from listing', async () => {
  const { provider, client, root, reader } = await start(new ManyNames(10_000));
  for (let read = 0; read < 40; read++) {
    provider.prefix = `${read}`.padEnd(240, 'x');
    expect(await reader.read(root, 0n)).not.toEqual([]);
    expect(client.server.load.listingBytes).toBeLessThanOrEqual(64 * MIB);
  }
});

it.each([false, true])(
  'a directory reply has 32 KiB at most, with attributes: %s',
  async (isPlus) => {
    const { root, reader } = await start(new ManyNames(3_000));
    const handle = await reader.open(root);
    const page = await reader.read(root, handle, { sizeBytes: MIB, isPlus });
    const bytes = page.reduce((sum, { name }) => sum + ((24 + name.length + 7) & ~7), 0);
    const whole = bytes + (isPlus ? page.length * 128 : 0);
    expect(whole).toBeGreaterThan(31 * 1024);
    expect(whole).toBeLessThanOrEqual(32 * 1024);
    const all = await reader.all(root, { sizeBytes: MIB, isPlus });
    expect(new Set(all.map(({ name }) => name)).size).toBe(3_002);
    expect(all).toHaveLength(3_002);
  },
);

it('READDIRPLUS lists a name that cannot be looked up, with node id 0', async () => {
  class Short extends MemoryProvider {
    override lookup(parent: object, name: string) {
      if (name.startsWith('b')) throw new VfsError('EMFILE');
      return super.lookup(parent as never, name);
    }
  }
  const provider = new Short();
  for (const name of ['a', 'b1', 'b2', 'c']) provider.writeFile(name, '');
  const { root, reader } = await start(provider);
  const all = await reader.all(root, { isPlus: true });
  expect(all.map(({ name, nodeId }) => [name, nodeId > 0])).toEqual([
    ['.', false],
    ['..', false],
    ['a', true],
    ['b1', false],
    ['b2', false],
    ['c', true],
  ]);
});

it('eight directories are listed at a time; the others wait, and other requests do not', async () => {
  const listing: (() => void)[] = [];
  class Slow extends MemoryProvider {
    override entries() {
      return new Promise<DirectoryEntry[]>((resolve) => listing.push(() => resolve([]))) as never;
    }
  }
  const provider = new Slow();
  for (let index = 0; index < 12; index++) provider.mkdir(`${index}`);
  const { client, reader } = await start(provider);
  const reads = Array.from({ length: 12 }, async (_, index) => {
    const id = await client.walk(`m/${index}`);
    return reader.read(id, await reader.open(id));
  });
  await vi.waitUntil(() => client.server.load.requests === 12);
  await client.walk('m/3');
  expect(listing).toHaveLength(8);
  for (let done = 0; done < 12; done++) {
    await vi.waitUntil(() => listing.length > done);
    listing[done]?.();
  }
  for (const entries of await Promise.all(reads)) expect(entries).toHaveLength(2);
});

it('an offset beyond the end, or of nothing, lists nothing', async () => {
  const { client, root, reader } = await start(new ManyNames(3));
  const handle = await reader.open(root);
  await reader.read(root, handle);
  expect(await reader.read(root, handle, { offset: 5n })).toEqual([]);
  expect(await reader.read(root, handle, { offset: 2n ** 53n - 1n })).toEqual([]);
  await expect(reader.read(root, handle, { offset: 2n ** 63n })).rejects.toThrow('EINVAL');
  await expect(reader.read(root, 77n)).rejects.toThrow('EBADF');
  expect((await client.request(OPCODE.GETATTR, root, Buffer.alloc(16))).status).toBe('ok');
});
