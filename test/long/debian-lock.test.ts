import { join } from 'node:path';
import { expect, it } from 'vitest';
import { proxyEnvironment } from '../../src/host/image-environment.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImageParts } from '../../src/image/ensure-image.ts';
import { packageSetNames } from '../../src/image/lock/package-sets.ts';
import { resolvePackageSets } from '../../src/image/lock/resolve-package-sets.ts';
import { builderRecipe, type DebianRecipe, type KernelUser } from '../../src/image/recipe.ts';
import { readInstalledPackages } from '../../src/image/sbom/installed-packages.ts';
import { Squashfs } from '../../src/image/squashfs/squashfs.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';
import { hostRelease } from '../fixtures/workload-image.ts';

const release = hostRelease();
const recipe: DebianRecipe = {
  ...{ kind: 'debian', arch: 'x86_64', release, packages: ['netcat-openbsd'], mirror: null },
};
/** In which Dockerfiles are built. */
const builder = builderRecipe({ arch: 'x86_64' });
const environment = proxyEnvironment();

function resolve(recipes: readonly DebianRecipe[], kernels: readonly KernelUser[]) {
  return resolvePackageSets(recipes, kernels, {
    ...{ cacheDirectory: join(temporaryDirectory(), 'cache'), environment, env: process.env },
    ...{ signal: new AbortController().signal, onResolve: () => undefined },
  });
}

async function lock(of: DebianRecipe) {
  const sets = await resolve([of], []);
  const { base, whole } = packageSetNames(of);
  return { base: sets[base ?? ''] ?? {}, added: sets[whole] ?? {} };
}

/** Builds the image in a cache of its own. */
async function build(of: DebianRecipe, locked: Awaited<ReturnType<typeof lock>>) {
  const cacheDirectory = join(temporaryDirectory(), 'cache');
  const options = { cacheDirectory, agentPath: guestAgentPath(), environment };
  const parts = await ensureImageParts({ ...of, locked }, options);
  const image = await Squashfs.open(parts.rootfsPath ?? '');
  try {
    const { packages } = await readInstalledPackages(image);
    const installed = packages.map(({ name, version }) => `${name} ${version}`);
    return { digests: parts.digests, installed: installed.toSorted() };
  } finally {
    await image.close();
    parts.release();
  }
}

function installedBy({ base, added }: Awaited<ReturnType<typeof lock>>): string[] {
  return Object.entries({ ...base, ...added })
    .filter(([name]) => !name.startsWith('linux-image-'))
    .map(([name, text]) => `${name} ${text.split(' ')[0]}`)
    .toSorted();
}

it('a locked image has the packages of the lock and no others, and is the same in another cache', async () => {
  const locked = await lock(recipe);
  expect(installedBy(locked).length).toBeGreaterThan(90);
  const first = await build(recipe, locked);
  expect(first.installed).toEqual(installedBy(locked));
  expect((await build(recipe, locked)).digests).toEqual(first.digests);
}, 1_200_000);

it('the builder of Dockerfiles, of another release of Debian, has the packages of its lock', async () => {
  const locked = await lock(builder);
  expect(Object.keys(locked.added)).toContain('buildah');
  expect((await build(builder, locked)).installed).toEqual(installedBy(locked));
}, 600_000);

it('kernels of images without packages of Debian are locked alone, for each processor', async () => {
  const kernels = await resolve(
    [],
    [
      { arch: 'x86_64', release },
      { arch: 'aarch64', release },
    ],
  );
  const kernel = (architecture: string) =>
    Object.keys(kernels[`linux of debian ${release} ${architecture}`] ?? {});
  expect(kernel('amd64')).toEqual([expect.stringMatching(/^linux-image-.*-cloud-amd64$/)]);
  expect(kernel('arm64')).toEqual([expect.stringMatching(/^linux-image-.*-cloud-arm64$/)]);
}, 120_000);
