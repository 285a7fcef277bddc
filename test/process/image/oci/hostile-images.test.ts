import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { IS_FULL_LOAD } from '../../../fixtures/full-load.ts';
import { FakeRegistry } from '../../../fixtures/oci/fake-registry.ts';
import { HOSTILE } from '../../../fixtures/oci/hostile-layers.ts';
import { makeImage } from '../../../fixtures/oci/made-image.ts';
import { listRootfs, ociRecipe, pullImage } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

/** Everything below a directory, with what a write would change. */
function describe(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.toSorted().map((name) => {
    const { mode, size, mtimeMs } = statSync(join(directory, name));
    return `${name} ${mode} ${size} ${mtimeMs}`;
  });
}

/** A home with files around the cache, and a registry. */
async function place() {
  const directory = temporaryDirectory();
  const outside = join(directory, 'outside');
  mkdirSync(join(outside, 'etc'), { recursive: true });
  for (const name of ['etc/passwd', 'etc/shadow', 'evil', 'victim', 'x']) {
    writeFileSync(join(outside, name), 'as it was');
  }
  const home = join(outside, 'home');
  mkdirSync(home);
  const registry = await FakeRegistry.start();
  onTestFinished(() => registry.close());
  const around = () => describe(outside).filter((line) => !line.startsWith('home'));
  return { home, outside, registry, around };
}

it('images of hostile archives are refused by name, and nothing outside of the cache is touched', async () => {
  const { home, registry, around } = await place();
  const before = around();
  expect(HOSTILE.length).toBeGreaterThan(80);
  expect(new Set(HOSTILE.map(([, archive]) => archive.toString('latin1'))).size).toBe(
    HOSTILE.length,
  );
  // The reader is tried with each of them in test/unit/image/oci/layer/hostile-layers.test.ts.
  const tried = HOSTILE.filter((_, at) => IS_FULL_LOAD || at % 5 === 0);
  for (const [name, archive, message] of tried) {
    // A good layer first: there is something to be attacked.
    const image = makeImage({
      layers: [rawTar({ name: 'etc/passwd', content: 'of it' }), archive],
    });
    const pulled = pullImage(home, ociRecipe(registry.push(image, '1'), { pull: 'always' }));
    await expect(pulled, name).rejects.toMatchObject({
      code: 'IMAGE_LAYER_INVALID',
      message: expect.stringMatching(message) as string,
    });
  }
  expect(around()).toEqual(before);
  const left = readdirSync(join(home, 'cache/images'), { recursive: true, encoding: 'utf8' });
  expect(left.filter((name) => /tmp-|squashfs$/.test(name))).toEqual([]);
}, 60_000);

const symlink = (name: string, link: string) => ({ name, link, type: '2', mode: 0o777 });

/** What other programs have been led out of their root by, and what comes of it here: names below the root of the image. */
const TRICKS: readonly (readonly [string, Buffer, readonly string[]])[] = [
  [
    'a file through a link to an absolute path',
    rawTar(symlink('s', '/etc'), { name: 's/passwd', content: 'evil' }),
    ['/etc', '/etc/passwd', '/s'],
  ],
  [
    'a file through a link that climbs',
    rawTar(symlink('a/b/s', '../../../../../etc'), { name: 'a/b/s/evil' }),
    ['/a', '/a/b', '/a/b/s', '/etc', '/etc/evil'],
  ],
  [
    'a name that is a link first and a file then',
    rawTar(symlink('x', '/etc/passwd'), { name: 'x', content: 'evil' }),
    ['/x'],
  ],
  [
    'a name that is a directory first, a link then and has a file last',
    rawTar({ name: 'd/', type: '5', mode: 0o755 }, symlink('d2', 'd'), { name: 'd2/f' }),
    ['/d', '/d/f', '/d2'],
  ],
  [
    'a hard link to a link, written through',
    rawTar(
      symlink('s', '/etc/shadow'),
      { name: 'h', type: '1', link: 's' },
      { name: 'h', content: 'evil' },
    ),
    ['/h', '/s'],
  ],
  [
    'a whiteout through a link that climbs',
    rawTar(symlink('up', '../..'), { name: 'up/.wh.etc' }, { name: 'kept' }),
    ['/kept', '/up'],
  ],
  [
    'the same file many times',
    rawTar(...Array.from({ length: 50 }, (_, at) => ({ name: 'same', content: `${at}` }))),
    ['/same'],
  ],
];

it.each(TRICKS)('%s ends up in the image alone', async (_name, archive, want) => {
  const { home, registry, around } = await place();
  const before = around();
  const image = makeImage({ layers: [archive] });
  const { path } = await pullImage(home, ociRecipe(registry.push(image, '1')));
  const names = listRootfs(path).map((line) => line.split(' ').slice(5).join(' ').split(' -> ')[0]);
  expect(names.filter((name) => name !== '').toSorted()).toEqual(want);
  expect(around()).toEqual(before);
});
