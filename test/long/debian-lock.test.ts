import { join } from 'node:path';
import { expect, it } from 'vitest';
import { proxyEnvironment } from '../../src/host/image-environment.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImageParts } from '../../src/image/ensure-image.ts';
import { resolvePackageSets } from '../../src/image/lock/resolve-package-sets.ts';
import type { DebianRecipe } from '../../src/image/recipe.ts';
import { readInstalledPackages } from '../../src/image/sbom/installed-packages.ts';
import { Squashfs } from '../../src/image/squashfs/squashfs.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';
import { hostRelease } from '../fixtures/workload-image.ts';

const release = hostRelease();
const recipe: DebianRecipe = {
  ...{ kind: 'debian', arch: 'x86_64', release, packages: ['netcat-openbsd'], mirror: null },
};
const environment = proxyEnvironment();
const BASE = `debian ${release} amd64`;

async function lock() {
  const sets = await resolvePackageSets([recipe], {
    ...{ cacheDirectory: join(temporaryDirectory(), 'cache'), environment, env: process.env },
    ...{ signal: new AbortController().signal, onResolve: () => undefined },
  });
  return { base: sets[BASE] ?? {}, added: sets[`${BASE} + netcat-openbsd`] ?? {} };
}

/** Builds the image in a cache of its own. */
async function build(locked: Awaited<ReturnType<typeof lock>>) {
  const cacheDirectory = join(temporaryDirectory(), 'cache');
  const options = { cacheDirectory, agentPath: guestAgentPath(), environment };
  const parts = await ensureImageParts({ ...recipe, locked }, options);
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

it('a locked image has the packages of the lock and no others, and is the same in another cache', async () => {
  const locked = await lock();
  const wanted = Object.entries({ ...locked.base, ...locked.added })
    .filter(([name]) => !name.startsWith('linux-image-'))
    .map(([name, text]) => `${name} ${text.split(' ')[0]}`);
  expect(wanted.length).toBeGreaterThan(90);
  const first = await build(locked);
  expect(first.installed).toEqual(wanted.toSorted());
  expect((await build(locked)).digests).toEqual(first.digests);
}, 1_200_000);
