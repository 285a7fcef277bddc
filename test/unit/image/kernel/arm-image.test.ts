import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { unpackArmImage } from '../../../../src/image/kernel/arm-image.ts';

const { signal } = new AbortController();

function makeImage(): Buffer {
  const image = Buffer.alloc(4096, 7);
  image.write('ARM\x64', 56, 'latin1');
  return image;
}

it('unpackArmImage() takes an Image as it is, and a compressed one unpacked', async () => {
  expect(await unpackArmImage(makeImage(), signal)).toEqual(makeImage());
  expect(await unpackArmImage(gzipSync(makeImage()), signal)).toEqual(makeImage());
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['a bzImage', Buffer.alloc(4096, 1)],
  ['a compressed something', gzipSync(Buffer.alloc(4096, 1))],
  ['damaged gzip', Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(100, 3)])],
])('unpackArmImage() refuses %s', async (_name, bytes) => {
  await expect(unpackArmImage(bytes, signal)).rejects.toMatchObject({
    code: 'IMAGE_KERNEL_INVALID',
  });
});
