import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import {
  decompressLayer,
  type GrowthLimits,
} from '../../../../../src/image/oci/layer/decompress.ts';

const MIB = 2 ** 20;

/** A zstd frame of blocks that each repeat one byte: 4 bytes for 128 KiB (RFC 8878, section 3.1.1.2). */
function zstdBomb(blocks: number): Buffer {
  const size = 128 * 1024;
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  const all = Array.from({ length: blocks }, (_, index) => {
    const isLast = index === blocks - 1 ? 1 : 0;
    const block = (size << 3) | (1 << 1) | isLast;
    return Buffer.from([block & 0xff, (block >> 8) & 0xff, (block >> 16) & 0xff, 0]);
  });
  return Buffer.concat([header, ...all]);
}

async function sizeOf(layer: Buffer, limits: GrowthLimits): Promise<number> {
  let bytes = 0;
  for await (const chunk of decompressLayer(Readable.from([layer]), undefined, limits)) {
    bytes += chunk.length;
  }
  return bytes;
}

const WIDE: GrowthLimits = { layerBytes: 64 * MIB, freeBytes: 64 * MIB, ratio: 1032 };

it.each([
  ['zstd that repeats a byte', zstdBomb(64)],
  ['gzip of zeros', gzipSync(Buffer.alloc(8 * MIB), { level: 9 })],
] as const)('a bomb of %s is read as far as it is bounded, and no further', async (_name, bomb) => {
  expect(bomb.length).toBeLessThan(10_000);
  expect(await sizeOf(bomb, WIDE)).toBe(8 * MIB);
  for (const limits of [
    { ...WIDE, layerBytes: MIB },
    { ...WIDE, freeBytes: MIB, ratio: 100 },
  ]) {
    await expect(sizeOf(bomb, limits)).rejects.toMatchObject({ code: 'IMAGE_LAYER_INVALID' });
  }
});

it('what DEFLATE can do is allowed, and what only a bomb of zstd does is not', async () => {
  const limits = { ...WIDE, freeBytes: MIB };
  expect(await sizeOf(gzipSync(Buffer.alloc(8 * MIB), { level: 9 }), limits)).toBe(8 * MIB);
  await expect(sizeOf(zstdBomb(64), limits)).rejects.toMatchObject({
    code: 'IMAGE_LAYER_INVALID',
    message: expect.stringContaining('bytes of a layer became more than') as string,
  });
});
