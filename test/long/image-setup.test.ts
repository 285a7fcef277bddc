import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImage } from '../../src/image/ensure-image.ts';
import type { BaseRecipe } from '../../src/plan/plan.ts';
import { setUpInVm } from '../../src/vm/image-setup/set-up-in-vm.ts';
import { hostRelease } from '../fixtures/workload-image.ts';
import { testEnvironment } from '../test-environment.ts';

/** Every name of a root with its type, mode, owner and size, but not that of directories. */
function listing(rootfsPath: string): string[] {
  const list = execFileSync('unsquashfs', ['-lln', rootfsPath], {
    ...{ encoding: 'utf8', maxBuffer: 2 ** 28 },
  });
  return list.split('\n').flatMap((line) => {
    const [, kind = '', owner = '', size = '', name = ''] =
      /^(\S{10}) (\d+\/\d+)\s+(\S+) \S+ \S+ squashfs-root(.*)$/.exec(line) ?? [];
    return kind === '' ? [] : [[kind, owner, kind.startsWith('d') ? '' : size, name].join(' ')];
  });
}

it('a setup that changes nothing gives the root of Debian again, and the same bytes twice', async () => {
  const options = {
    cacheDirectory: resolveDirectories(testEnvironment).cache,
    ...{ agentPath: guestAgentPath(), setUp: setUpInVm },
  };
  const base: BaseRecipe = {
    kind: 'debian',
    ...{ arch: 'x86_64', release: hostRelease(), packages: [], mirror: null },
  };
  const network = { allowedHosts: [], allowedPrivate: [], extraHosts: [] };
  const withCommand = async (command: string) => {
    const setup = { copy: [], commands: [command], network };
    return ensureImage({ kind: 'setup', base, setup }, options);
  };
  const original = await ensureImage(base, options);
  const marker = Math.random();
  const [once, twice] = [await withCommand(`: ${marker}`), await withCommand(`: ${marker} again`)];
  try {
    const before = listing(original.rootfsPath);
    expect(before.length).toBeGreaterThan(3000);
    expect(listing(once.rootfsPath)).toEqual(before);
    const digest = (path: string) =>
      execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
    expect(digest(twice.rootfsPath)).toBe(digest(once.rootfsPath));
  } finally {
    for (const image of [original, once, twice]) await image.release();
  }
});
