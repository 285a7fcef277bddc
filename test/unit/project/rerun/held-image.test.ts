import { expect, it } from 'vitest';
import type { GuestImage } from '../../../../src/image/guest-image.ts';
import type { ImageRecipe } from '../../../../src/plan/plan.ts';
import { HeldImage } from '../../../../src/project/rerun/held-image.ts';

const DEBIAN: ImageRecipe = {
  ...{ kind: 'debian', arch: 'x86_64', release: 'bookworm', packages: [], mirror: null },
};
const OCI: ImageRecipe = {
  ...{ kind: 'oci', arch: 'x86_64', release: 'bookworm', digest: null },
  ...{ source: 'registry.example.com/app:1', pull: 'missing' },
};
const DOCKERFILE: ImageRecipe = {
  ...{ kind: 'dockerfile', path: '/p/Dockerfile', context: '/p', args: {}, target: null },
  ...{ arch: 'x86_64', release: 'bookworm', pull: 'missing', secrets: [] },
  network: { allowedHosts: [], allowedPrivate: [], extraHosts: [] },
};

function makeReady() {
  const log: string[] = [];
  let count = 0;
  const ensure = async () => {
    count += 1;
    const key = String(count);
    log.push(`ensure ${key}`);
    return { key, release: async () => void log.push(`release ${key}`) } as GuestImage;
  };
  return { ensure, log };
}

it.each([
  ['of packages', DEBIAN],
  ['of a registry', OCI],
])(
  'HeldImage.use() keeps an image %s in use until release(), whatever its users release',
  async (_name, recipe) => {
    const { ensure, log } = makeReady();
    const held = new HeldImage();
    const first = await held.use(recipe, ensure);
    await first.release();
    expect(await held.use(recipe, ensure)).toMatchObject({ key: '1' });
    expect(log).toEqual(['ensure 1']);
    await held.release();
    await held.release();
    expect(await held.use(recipe, ensure)).toMatchObject({ key: '2' });
    expect(log).toEqual(['ensure 1', 'release 1', 'ensure 2']);
  },
);

it('HeldImage.use() gives the image of another recipe, and releases the one before', async () => {
  const { ensure, log } = makeReady();
  const held = new HeldImage();
  await held.use(DEBIAN, ensure);
  const other = await held.use({ ...DEBIAN, packages: ['git'] }, ensure);
  expect(other.key).toBe('2');
  expect(log).toEqual(['ensure 1', 'ensure 2', 'release 1']);
});

it.each([
  ['a Dockerfile, whose files may change', DOCKERFILE],
  ['a directory, which may change', { kind: 'path', path: '/p/image' } as ImageRecipe],
  ['an archive, which may change', { ...OCI, source: 'docker-archive:/p/app.tar' } as ImageRecipe],
  ['a registry that is asked each time', { ...OCI, pull: 'always' } as ImageRecipe],
])('HeldImage.use() makes the image of %s ready for each run', async (_name, recipe) => {
  const { ensure, log } = makeReady();
  const held = new HeldImage();
  for (const key of ['1', '2']) {
    const image = await held.use(recipe, ensure);
    expect(image.key).toBe(key);
    await image.release();
  }
  expect(log).toEqual(['ensure 1', 'release 1', 'ensure 2', 'release 2']);
});

it('HeldImage.use() passes the error of an image on, and tries again', async () => {
  const { ensure } = makeReady();
  const held = new HeldImage();
  const failing = () => Promise.reject(new Error('no space'));
  await expect(held.use(DEBIAN, failing)).rejects.toThrow('no space');
  expect(await held.use(DEBIAN, ensure)).toMatchObject({ key: '1' });
});
