import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { treeOf, writeBaseStore } from '../../../../src/image/dockerfile/base-store.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

// Names that skopeo 1.9 gave to the layers of a real image.
const LAYERS = [
  'sha256:435d7585aa7a8330d0ce3763c698aff55ee6282ad72a78bdfeb93f1c61ae3070',
  'sha256:849bd9258bdfb5136bcf54a66dd033f219fb8fd4905b42d365387bb7aa4abe8d',
];
const [BOTTOM = ''] = LAYERS;
const LOWER = '435d7585aa7a8330d0ce3763c698aff55ee6282ad72a78bdfeb93f1c61ae3070';
const TOP = '430b26579b41d84be671474fd5218336dffd928985d30d2b1709e1c4fa929e6d';

it('writeBaseStore() names layers as containers-image does, with the whole tree in the topmost', async () => {
  const directory = temporaryDirectory();
  const image = { id: 'a'.repeat(64), name: 'localhost/a', config: Buffer.from('{}') };
  await writeBaseStore(directory, [{ ...image, layers: LAYERS }], [[BOTTOM]]);
  expect(treeOf(LAYERS)).toBe(`overlay/${TOP}/diff`);
  const json = (name: string) => JSON.parse(readFileSync(join(directory, name), 'utf8'));
  expect(json('overlay-layers/layers.json')).toMatchObject([
    { id: LOWER, 'diff-digest': LAYERS[0] },
    { id: TOP, parent: LOWER, 'diff-digest': LAYERS[1] },
  ]);
  expect(json('overlay-images/images.json')).toMatchObject([
    { id: image.id, names: ['localhost/a:latest'], layer: TOP },
  ]);
  // No `lower`: nothing is mounted below the tree.
  expect(readdirSync(join(directory, 'overlay', TOP)).toSorted()).toEqual(['diff', 'link']);
  const link = readFileSync(join(directory, 'overlay', TOP, 'link'), 'utf8');
  expect(readlinkSync(join(directory, 'overlay/l', link))).toBe(`../${TOP}/diff`);
});
