import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished, vi } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { FuseServer } from '../../../src/vfs/fuse-server.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-state-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A guest that holds two directories, two files and a listing. */
async function savedText(provider: VfsProvider): Promise<string> {
  const client = await FuseClient.start(provider);
  const root = await client.walk('m');
  await client.mkdir(root, 'd');
  const d = await client.walk('m/d');
  const { id, handle } = await client.create(d, 'file');
  await client.write(id, handle, 0, Buffer.from('content'));
  await client.create(root, 'other');
  await client.symlink(root, 'link', '/');
  await client.setattr(await client.walk('m/link'), { uid: 5 });
  await client.request(27, root, client.numbers(0, 0));
  await client.list(d);
  await client.server.quiesce();
  const state = JSON.stringify(await client.server.exportState());
  await client.server.close();
  return state;
}

/** The code of the refusal, or `ok`. Any other failure comes through. */
async function outcome(provider: VfsProvider, state: unknown): Promise<string> {
  const server = new FuseServer({
    ...{ mounts: [{ name: 'm', provider }], user: { uid: 0, gid: 0 }, state },
  });
  try {
    await server.start();
    return 'ok';
  } catch (error) {
    if (!GondolinError.is(error)) throw error;
    return error.code;
  } finally {
    await server.close();
  }
}

const openDescriptors = () => readdirSync('/proc/self/fd').length;

it('a state of other mounts, cut off or without its form is refused with SNAPSHOT_REFUSED', async () => {
  const directory = temporary();
  const saved = await savedText(new RealFSProvider(directory));
  const wrong: readonly ((state: { mounts: { name: string }[] }) => unknown)[] = [
    () => 7,
    () => [],
    () => ({}),
    (state) => ({ ...state, version: 1 }),
    (state) => ({ ...state, mounts: [] }),
    (state) => ({ ...state, mounts: [...state.mounts, ...state.mounts] }),
    (state) => ({ ...state, mounts: [{ ...state.mounts[0], name: 'n' }] }),
    (state) => ({ ...state, mounts: [{ ...state.mounts[0], nodes: [] }] }),
    (state) => ({ ...state, mounts: [{ ...state.mounts[0], files: [] }] }),
    (state) => ({ ...state, mounts: [{ ...state.mounts[0], provider: null }] }),
    (state) => ({ ...state, nextNodeId: 2 }),
    (state) => ({ ...state, nextHandleId: 1 }),
    (state) => ({ ...state, bytesIn: -1 }),
    // The ids of the root, and of no handle.
    (state) => ({ ...state, mounts: [{ ...state.mounts[0], nodes: [] }], nextNodeId: 1 }),
    (state) => ({ ...state, nextHandleId: 0 }),
  ];
  const before = openDescriptors();
  for (const change of wrong) {
    const state = change(JSON.parse(saved));
    expect(await outcome(new RealFSProvider(directory), state)).toBe('SNAPSHOT_REFUSED');
  }
  expect(await outcome(new MemoryProvider(), JSON.parse(saved))).toBe('SNAPSHOT_REFUSED');
  const own: VfsProvider = new RealFSProvider(directory);
  Object.defineProperty(own, 'snapshot', { value: undefined });
  expect(await outcome(own, JSON.parse(saved))).toBe('SNAPSHOT_REFUSED');
  // The reader of the host's notifications ends a moment after the last watch.
  const limits = { timeout: 10_000, interval: 20 };
  await vi.waitFor(() => expect(openDescriptors()).toBeLessThanOrEqual(before), limits);
});

it('names of a forged state never lead out of the mount', async () => {
  const directory = temporary();
  const outside = temporary();
  writeFileSync(join(outside, 'secret'), 'secret');
  mkdirSync(join(directory, 'd'));
  symlinkSync(outside, join(directory, 'out'));
  const client = await FuseClient.start(new RealFSProvider(outside));
  const id = await client.walk('m/secret');
  const handle = await client.open(id, 2);
  await client.server.quiesce();
  const saved = JSON.stringify(await client.server.exportState());
  await client.server.close();
  for (const name of [
    '../secret',
    '..',
    '.',
    '',
    'out/secret',
    'a\0b',
    '/etc/passwd',
    'ü'.repeat(256),
    '…',
  ]) {
    const state = JSON.parse(saved);
    state.mounts[0].provider.tree[1][1] = name;
    expect(await outcome(new RealFSProvider(directory), state)).toBe('SNAPSHOT_REFUSED');
  }
  // A well-formed one: by name through the link, and by identity, which the search does not follow out either.
  for (const name of ['out', 'secret']) {
    const state = JSON.parse(saved);
    state.mounts[0].provider.tree[1][1] = name;
    const forged = await FuseClient.start(new RealFSProvider(directory), undefined, state);
    expect((await forged.read(id, handle, 0, 10)).status).toBe('ESTALE');
    await expect(forged.open(id, 0)).rejects.toThrow('ESTALE');
    await forged.server.close();
  }
});

it('a protected file cannot be opened for writing by a forged handle', async () => {
  const directory = temporary();
  const path = join(directory, 'gondolin.yaml');
  writeFileSync(path, 'image: debian\n');
  const open = await FuseClient.start(new RealFSProvider(directory));
  const id = await open.walk('m/gondolin.yaml');
  const handle = await open.open(id, 2);
  await open.server.quiesce();
  const state = JSON.parse(JSON.stringify(await open.server.exportState()));
  await open.server.close();
  const guarded = new RealFSProvider(directory, { readonlyPaths: [path] });
  const client = await FuseClient.start(guarded, undefined, state);
  onTestFinished(() => client.server.close());
  expect((await client.write(id, handle, 0, Buffer.from('x'))).status).toBe('ESTALE');
  await expect(client.open(id, 1)).rejects.toThrow('EPERM');
});

/** Replaces one value somewhere in the JSON. */
function mutate(value: unknown, path: readonly number[], by: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== 'object' || value === null) return by;
  const keys = Object.keys(value);
  const key = keys[first % Math.max(1, keys.length)];
  if (key === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  Object.assign(copy, { [key]: mutate(Reflect.get(value, key), rest, by) });
  return copy;
}

const anything = fc.oneof(
  fc.integer(),
  fc.constantFrom(-1, 0, 1, 2, 2 ** 32, 2 ** 53, 0.5, null, true, '', '..', 'a/b', '1', '-5', 'd'),
  fc.constantFrom([], {}, [[]], [1], [1, 2], [0, 'd', '1', '2', '3', 1]),
  fc.string(),
);

it.each([
  ['RealFSProvider', (directory: string): VfsProvider => new RealFSProvider(directory)],
  ['MemoryProvider', (): VfsProvider => new MemoryProvider()],
])('%s takes or refuses any changed state, and closes what it opened', async (_name, make) => {
  const directory = temporary();
  const saved: unknown = JSON.parse(await savedText(make(directory)));
  const before = openDescriptors();
  const path = fc.array(fc.nat(20), { maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(path, anything, async (where, by) => {
      const found = await outcome(make(directory), mutate(saved, where, by));
      expect(['ok', 'SNAPSHOT_REFUSED']).toContain(found);
    }),
    { numRuns: IS_FULL_LOAD ? 400 : 150 },
  );
  // The reader of the host's notifications ends a moment after the last watch.
  const limits = { timeout: 10_000, interval: 20 };
  await vi.waitFor(() => expect(openDescriptors()).toBeLessThanOrEqual(before), limits);
});
