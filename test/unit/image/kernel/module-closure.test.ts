import { expect, it } from 'vitest';
import { type FindModule, orderModules } from '../../../../src/image/kernel/module-closure.ts';

const KERNEL: Record<string, readonly string[]> = {
  virtio_ring: [],
  virtio: ['virtio_ring'],
  virtio_pci: ['virtio', 'virtio_ring'],
  virtio_blk: ['virtio_ring', 'virtio'],
  ext4: ['jbd2'],
  jbd2: [],
  broken: ['nowhere'],
  one: ['two'],
  two: ['one'],
};

const find: FindModule = (name) => {
  const depends = KERNEL[name];
  if (depends !== undefined) return Promise.resolve({ depends });
  return Promise.resolve(name === 'fuse' ? 'builtin' : 'missing');
};

it('orderModules() puts what a module needs before it, each once', async () => {
  const roots = { required: ['virtio_pci', 'virtio_blk'], optional: [] };
  await expect(orderModules(roots, find)).resolves.toEqual([
    'virtio_ring',
    'virtio',
    'virtio_pci',
    'virtio_blk',
  ]);
});

it('orderModules() leaves out what is built in', async () => {
  await expect(orderModules({ required: ['fuse', 'jbd2'], optional: [] }, find)).resolves.toEqual([
    'jbd2',
  ]);
});

it('orderModules() takes an optional module when it is there and passes over one that is not', async () => {
  const roots = { required: [], optional: ['crc32c_generic', 'ext4'] };
  await expect(orderModules(roots, find)).resolves.toEqual(['jbd2', 'ext4']);
});

it.each([
  ['a required module is missing', { required: ['nothing'], optional: [] }],
  ['a dependency is missing', { required: ['broken'], optional: [] }],
  ['the dependency of an optional module is missing', { required: [], optional: ['broken'] }],
  ['dependencies go round in a circle', { required: ['one'], optional: [] }],
])('orderModules() rejects with IMAGE_KERNEL_INVALID when %s', async (_, roots) => {
  await expect(orderModules(roots, find)).rejects.toMatchObject({ code: 'IMAGE_KERNEL_INVALID' });
});
