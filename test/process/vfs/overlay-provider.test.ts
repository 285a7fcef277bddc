import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import type { VfsNode, VfsProvider } from '../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import {
  Comparison,
  list,
  type Operation,
  operation,
  PRELUDE,
  USER,
} from '../../fixtures/provider-comparison.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const O_RDONLY = 0;
const O_RDWR = 2;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const PERMISSIONS = 0o7777;

/** What a host directory is: names, modes, sizes, links, times and contents. */
function stateOf(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'latin1' }).toSorted();
  return ['.', ...names].map((name) => {
    const path = join(directory, name);
    const stat = lstatSync(path, { bigint: true });
    const { mode, size, nlink, mtimeNs } = stat;
    const content = stat.isFile() ? readFileSync(path, 'base64') : '';
    const link = stat.isSymbolicLink() ? readlinkSync(path) : '';
    return [name, mode, size, nlink, mtimeNs, link, content].join(' ');
  });
}

interface Layers {
  readonly lower: () => VfsProvider;
  readonly upper: () => VfsProvider;
  readonly state: () => unknown;
}

function hostBelow(upper: () => VfsProvider): Layers {
  const directory = temporaryDirectory();
  return { lower: () => new RealFSProvider(directory), upper, state: () => stateOf(directory) };
}

function memoryBelow(upper: () => VfsProvider): Layers {
  const memory = new MemoryProvider();
  const state = () => {
    const { nodes, ...rest } = memory.snapshot.save([], []) as { nodes: unknown };
    return JSON.stringify([nodes, rest]);
  };
  return { lower: () => memory, upper, state };
}

/** Does operations on the lower layer, and then others on an overlay of it, with one model of both. */
async function compare(
  { lower, upper, state }: Layers,
  below: readonly Operation[],
  above: readonly Operation[],
  restored: (() => Promise<OverlayProvider>) | null,
): Promise<void> {
  const first = lower();
  const before = new Comparison(first, await first.start(USER));
  for (const step of [...PRELUDE, ...below]) await before.run(step);
  await before.close();
  const had = state();
  const provider = new OverlayProvider(upper(), lower());
  const compared = new Comparison(provider, await provider.start(USER), before.model);
  try {
    for (const step of above) await compared.run(step);
    await compared.sameTree();
    if (restored !== null) {
      const again = await restored();
      const saved = JSON.stringify(await provider.snapshot?.save([compared.root], []));
      const found = await again.snapshot?.restore(JSON.parse(saved));
      await new Comparison(again, found?.nodes[0] as VfsNode, before.model).sameTree();
      await again.stop();
    }
  } finally {
    await compared.close();
  }
  expect(state()).toEqual(had);
}

const steps = fc.array(operation, { maxLength: 40, size: 'max' });

it.each<[string, number, () => Layers]>([
  ['memory over a host directory', 20, () => hostBelow(() => new MemoryProvider())],
  ['memory over memory', 100, () => memoryBelow(() => new MemoryProvider())],
  [
    'a host directory over another',
    8,
    () => hostBelow(() => new RealFSProvider(temporaryDirectory())),
  ],
])(
  'OverlayProvider of %s does what the model of a Linux file system does, and changes nothing below',
  async (_, numRuns, layers) => {
    await fc.assert(
      fc.asyncProperty(steps, steps, (below, above) => compare(layers(), below, above, null)),
      { numRuns },
    );
  },
);

it('OverlayProvider.snapshot restores what was changed, deleted and moved', async () => {
  await fc.assert(
    fc.asyncProperty(steps, steps, (below, above) => {
      const layers = hostBelow(() => new MemoryProvider());
      return compare(layers, below, above, async () => {
        const again = new OverlayProvider(layers.upper(), layers.lower());
        await again.start(USER);
        return again;
      });
    }),
    { numRuns: 12 },
  );
});

/** A host directory with a few files, and an overlay of memory over it. */
async function overlay(make: (directory: string) => void = () => undefined) {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'src/deep'), { recursive: true });
  writeFileSync(join(directory, 'src/main.js'), 'old');
  writeFileSync(join(directory, 'src/deep/a'), 'a');
  make(directory);
  const changes = new MemoryProvider();
  const provider = new OverlayProvider(changes, new RealFSProvider(directory));
  const root = await provider.start(USER);
  onTestFinished(() => provider.stop());
  const at = async (path: string) => {
    let node = root;
    for (const name of path.split('/')) node = await provider.lookup(node, name);
    return node;
  };
  const read = async (path: string) => {
    const handle = await provider.open(await at(path), O_RDONLY);
    const content = Buffer.alloc(100);
    const bytes = await provider.read(handle, content, 0);
    await provider.release(handle);
    return content.toString('utf8', 0, bytes);
  };
  const names = async (path: string) => {
    const node = path === '' ? root : await at(path);
    return (await list(provider, node)).map(({ name }) => name).toSorted();
  };
  return { directory, changes, provider, root, at, read, names };
}

it('a copied file keeps number, mode, owner and times, and its directory keeps its own times', async () => {
  const { provider, at, changes } = await overlay((directory) => {
    chmodSync(join(directory, 'src/main.js'), 0o751);
    utimesSync(join(directory, 'src/main.js'), 1, 2);
    utimesSync(join(directory, 'src'), 3, 4);
  });
  const [node, above] = [await at('src/main.js'), await at('src')];
  const before = await provider.attributes(node);
  const directoryBefore = await provider.attributes(above);
  await provider.release(await provider.open(node, O_RDWR));
  const after = await provider.attributes(node);
  const facts = ({ ino, device, mode, uid, gid, mtimeNs, atimeNs, sizeBytes }: typeof after) => ({
    ...{ ino, device, mode, uid, gid, mtimeNs, atimeNs, sizeBytes },
  });
  expect(facts(after)).toEqual(facts(before));
  expect((await provider.attributes(above)).mtimeNs).toBe(directoryBefore.mtimeNs);
  expect(changes.readFile('src/main.js').toString()).toBe('old');
});

it('a file that is open for reading shows what is written after it was copied', async () => {
  const { provider, at, directory } = await overlay();
  const node = await at('src/main.js');
  const reading = await provider.open(node, O_RDONLY);
  const writing = await provider.open(node, O_RDWR);
  await provider.write(writing, Buffer.from('new'), 0, false);
  const content = Buffer.alloc(3);
  await provider.read(reading, content, 0);
  expect(content.toString()).toBe('new');
  expect(readFileSync(join(directory, 'src/main.js'), 'utf8')).toBe('old');
  await provider.release(reading);
  await provider.release(writing);
});

it('a directory that was deleted and made again is empty, and its host content does not come back', async () => {
  const { provider, root, at, names, directory } = await overlay();
  const src = await at('src');
  await provider.unlink(await at('src/deep'), 'a');
  await provider.removeDirectory(src, 'deep');
  await provider.makeDirectory(src, 'deep', 0o755, USER);
  expect(await names('src/deep')).toEqual([]);
  writeFileSync(join(directory, 'src/deep/later'), 'x');
  expect(await names('src/deep')).toEqual([]);
  await provider.rename(src, 'deep', root, 'moved', 0);
  expect(await names('')).toEqual(['moved', 'src']);
  expect(await names('src')).toEqual(['main.js']);
  expect(await names('moved')).toEqual([]);
});

it('a directory of the host that is moved shows its host content under the new name, after the guest forgot it too', async () => {
  const { provider, root, at, read, names, directory } = await overlay();
  await provider.rename(await at('src'), 'deep', root, 'moved', 0);
  for (const path of ['src', 'moved']) provider.forget(await at(path));
  await new Promise((resolve) => setImmediate(resolve));
  expect(await names('src')).toEqual(['main.js']);
  expect(await read('moved/a')).toBe('a');
  writeFileSync(join(directory, 'src/deep/b'), 'of the host');
  expect(await read('moved/b')).toBe('of the host');
});

it('all names of a host file with several show what was written by one of them', async () => {
  const { provider, at, read, root } = await overlay((directory) =>
    linkSync(join(directory, 'src/main.js'), join(directory, 'other')),
  );
  const writing = await provider.open(await at('src/main.js'), O_RDWR | O_TRUNC);
  await provider.write(writing, Buffer.from('both'), 0, false);
  await provider.release(writing);
  for (const path of ['src/main.js', 'other']) provider.forget(await at(path));
  await new Promise((resolve) => setImmediate(resolve));
  expect([await read('other'), await read('src/main.js')]).toEqual(['both', 'both']);
  expect((await provider.attributes(await at('other'))).nlink).toBe(2);
  await provider.rename(root, 'other', root, 'renamed', 0);
  expect(await read('renamed')).toBe('both');
  await provider.unlink(await at('src'), 'main.js');
  expect((await provider.attributes(await at('renamed'))).nlink).toBe(1);
});

it('a file that was deleted while it is open can be changed, and leaves nothing', async () => {
  const { provider, at, changes, names } = await overlay();
  const node = await at('src/main.js');
  const open = await provider.open(node, O_RDONLY);
  await provider.unlink(await at('src'), 'main.js');
  await provider.setAttributes(node, { mode: 0o600 }, null);
  const { mode, nlink } = await provider.attributes(node);
  expect([mode & PERMISSIONS, nlink]).toEqual([0o600, 0]);
  await provider.release(open);
  provider.forget(node);
  expect(await names('src')).toEqual(['deep']);
  expect(changes.readdir('')).toEqual(['src']);
});

it('a copy that does not fit is ENOSPC, and the file stays as it is', async () => {
  const { at, names, read } = await overlay();
  const small = new MemoryProvider({ maxBytes: 64 * 1024 });
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'large'), Buffer.alloc(200_000, 7));
  const full = new OverlayProvider(small, new RealFSProvider(directory));
  const root = await full.start(USER);
  onTestFinished(() => full.stop());
  const node = await full.lookup(root, 'large');
  await expect(full.open(node, O_RDWR)).rejects.toMatchObject({ message: 'ENOSPC' });
  expect((await full.attributes(node)).sizeBytes).toBe(200_000);
  expect(small.readdir('')).toEqual([]);
  expect((await list(full, root)).map(({ name }) => name)).toEqual(['large']);
  // An open that empties the file copies nothing.
  await full.release(await full.open(node, O_RDWR | O_TRUNC));
  expect((await full.attributes(node)).sizeBytes).toBe(0);
  expect([await names('src'), await read('src/main.js'), await at('src')]).toHaveLength(3);
});

it('a create with O_EXCL of what the host has is EEXIST, and without it opens the file', async () => {
  const { provider, at } = await overlay((directory) => symlinkSync('x', join(directory, 'link')));
  const src = await at('src');
  const file = { mode: 0o644, rdev: 0, flags: O_RDWR };
  const exclusive = { ...file, flags: O_RDWR | O_EXCL };
  await expect(provider.create(src, 'main.js', exclusive, USER)).rejects.toMatchObject({
    message: 'EEXIST',
  });
  const { node, handle } = await provider.create(src, 'main.js', file, USER);
  expect(node).toBe(await at('src/main.js'));
  await provider.release(handle);
});

it('OverlayProvider refuses a read-only upper layer, one layer as both, and a lower layer of one file', async () => {
  const memory = new MemoryProvider();
  expect(() => new OverlayProvider(new ReadonlyProvider(memory), memory)).toThrow('is read-only');
  expect(() => new OverlayProvider(memory, memory)).toThrow('is the lower one too');
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  const provider = new OverlayProvider(memory, new RealFSProvider(file));
  await expect(provider.start(USER)).rejects.toMatchObject({ code: 'VM_BAD_OPTION' });
});
