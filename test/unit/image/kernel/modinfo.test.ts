import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { parseModinfo } from '../../../../src/image/kernel/modinfo.ts';
import { makeModule } from './make-module.ts';

function codeOf(module: Buffer): string {
  try {
    parseModinfo(module);
  } catch (error) {
    if (GondolinError.is(error)) return error.code;
    throw error;
  }
  return 'no error';
}

it('parseModinfo() reads name and depends, with dashes as underscores', () => {
  const module = makeModule({ name: 'virtio-pci', depends: ['virtio-ring', 'virtio'] });
  expect(parseModinfo(module)).toEqual({ name: 'virtio_pci', depends: ['virtio_ring', 'virtio'] });
});

it('parseModinfo() gives no depends when there are none', () => {
  expect(parseModinfo(makeModule({ name: 'fuse', depends: [] })).depends).toEqual([]);
});

it.each([
  ['it is empty', Buffer.alloc(0)],
  ['it is no ELF', Buffer.alloc(128)],
  ['it is cut off before its sections', makeModule({ name: 'x', depends: [] }).subarray(0, 100)],
  ['there is no .modinfo', makeModule({ name: 'x', depends: [], section: '.other' })],
  ['.modinfo has no name', makeModule({ name: null, depends: [] })],
])('parseModinfo() throws IMAGE_KERNEL_INVALID when %s', (_, module) => {
  expect(codeOf(module)).toBe('IMAGE_KERNEL_INVALID');
});

it('parseModinfo() throws nothing but IMAGE_KERNEL_INVALID when bytes of the headers are changed', () => {
  const good = makeModule({ name: 'fuse', depends: ['a'] });
  const change = fc.record({ at: fc.nat(good.length - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const module = Buffer.from(good);
      for (const { at, value } of changes) module[at] = value;
      expect(['IMAGE_KERNEL_INVALID', 'no error']).toContain(codeOf(module));
    }),
    { numRuns: 500 },
  );
});
