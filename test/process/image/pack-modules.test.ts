import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { packModules } from '../../../src/image/kernel/pack-modules.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { makeModule } from '../../unit/image/kernel/make-module.ts';

const never = new AbortController().signal;

/** A tree as a kernel package has it: file name to what the module depends on. */
function moduleTree(
  modules: Record<string, readonly string[]>,
  builtin: readonly string[],
): string {
  const directory = temporaryDirectory();
  for (const [path, depends] of Object.entries(modules)) {
    const name = (path.split('/').at(-1) ?? '').replace(/\.ko.*/, '');
    const file = join(directory, 'kernel', path);
    mkdirSync(dirname(file), { recursive: true });
    const module = makeModule({ name, depends });
    writeFileSync(file, path.endsWith('.gz') ? gzipSync(module) : module);
  }
  const lines = builtin.map((path) => `kernel/${path}\n`).join('');
  writeFileSync(join(directory, 'modules.builtin'), lines);
  return directory;
}

const TREE = {
  'drivers/virtio/virtio_ring.ko': [],
  'drivers/virtio/virtio.ko': ['virtio_ring'],
  'drivers/virtio/virtio-pci.ko': ['virtio'],
  'drivers/char/virtio_console.ko.gz': ['virtio'],
  'drivers/block/virtio_blk.ko': ['virtio'],
  'drivers/net/virtio_net.ko': ['virtio'],
  'fs/fuse/fuse.ko': [],
  'fs/squashfs/squashfs.ko': [],
};
const BUILTIN = ['fs/overlayfs/overlay.ko', 'fs/ext4/ext4.ko'];

function textOf(members: Awaited<ReturnType<typeof packModules>>, path: string): string {
  const member = members.find((candidate) => candidate.path === path);
  return member?.kind === 'file' ? Buffer.from(member.data).toString('latin1') : '';
}

it('packModules() packs what the guest needs, unpacked and in loading order, and no network card', async () => {
  const members = await packModules(moduleTree(TREE, BUILTIN), never);
  expect(textOf(members, 'modules.order').trim().split('\n')).toEqual([
    'virtio_ring.ko',
    'virtio.ko',
    'virtio_pci.ko',
    'virtio_console.ko',
    'virtio_blk.ko',
    'fuse.ko',
    'squashfs.ko',
  ]);
  const names = members.map(({ path }) => path);
  expect(names.slice(0, 3)).toEqual(['modules', 'modules.order', 'modules/virtio_ring.ko']);
  expect(names.some((name) => name.includes('virtio_net'))).toBe(false);
  expect(textOf(members, 'modules/virtio_console.ko')).toMatch(/^\x7fELF/);
});

it('packModules() takes ext4 and what it needs when it is a module', async () => {
  const tree = { ...TREE, 'fs/ext4/ext4.ko': ['jbd2'], 'fs/jbd2/jbd2.ko': [] };
  const members = await packModules(moduleTree(tree, ['fs/overlayfs/overlay.ko']), never);
  expect(textOf(members, 'modules.order')).toMatch(/jbd2\.ko\next4\.ko\n$/);
});

it('packModules() rejects with IMAGE_KERNEL_INVALID when a needed module is not there', async () => {
  const run = packModules(moduleTree(TREE, []), never);
  await expect(run).rejects.toMatchObject({ code: 'IMAGE_KERNEL_INVALID' });
});

it('packModules() rejects with IMAGE_KERNEL_INVALID when a compressed module is damaged', async () => {
  const directory = moduleTree(TREE, BUILTIN);
  writeFileSync(join(directory, 'kernel/drivers/char/virtio_console.ko.gz'), 'not gzip');
  await expect(packModules(directory, never)).rejects.toMatchObject({
    code: 'IMAGE_KERNEL_INVALID',
  });
});
