import { expect, it } from 'vitest';
import { GondolinError } from '../../../../../src/errors/gondolin-error.ts';
import { HOSTILE } from '../../../../fixtures/oci/hostile-layers.ts';
import { paxHeader, rawTar } from '../../../../fixtures/oci/raw-tar.ts';
import { readLayers } from './read-layers.ts';

function refusalOf(archive: Buffer, pieceBytes: number): unknown {
  try {
    readLayers([archive], pieceBytes);
    return null;
  } catch (error) {
    return error;
  }
}

it.each(HOSTILE)('a layer is refused for %s', (_name, archive, message) => {
  for (const pieceBytes of [1, 511, 65_536]) {
    const error = refusalOf(archive, pieceBytes);
    expect(GondolinError.is(error) && error.code).toBe('IMAGE_LAYER_INVALID');
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  }
});

it('a refusal shows no byte of a name that a terminal would act on', () => {
  const error = refusalOf(rawTar({ name: '../\x1b[2J\n\xff' }), 512);
  expect(error).toMatchObject({ message: expect.stringContaining('"../\\x1b[2J\\x0a\\xff"') });
});

it('random bytes give an error of the layer or a tree, and nothing else', () => {
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const file = { name: 'victim', content: 'x' };
  const good = rawTar(paxHeader({ path: 'a/b', mtime: '1.5' }), file, {
    name: 'l',
    type: '2',
    link: 'x',
  });
  for (let round = 0; round < 2000; round += 1) {
    const archive = Buffer.from(good);
    for (let flips = 0; flips < 3; flips += 1) {
      archive[Math.floor(random() * archive.length)] = Math.floor(random() * 256);
    }
    const error = refusalOf(archive, 700);
    expect(
      error === null || (GondolinError.is(error) && error.code === 'IMAGE_LAYER_INVALID'),
    ).toBe(true);
  }
});
