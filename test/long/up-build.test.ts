import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';

const PROJECT = `
name: shop
sandboxes:
  web:
    steps:
      - { name: prepare, checkpoint: true, run: cat /proc/sys/kernel/random/uuid > /root/prepared }
    run: cat /root/prepared; exec sleep 1000
`;

/** Copies the kernel and the plain root file system that all tests share: the ones that are built again must not be theirs. */
function copyImages(cache: string): void {
  const { images } = resolveDirectories();
  for (const kind of ['kernel', 'rootfs']) {
    for (const key of readdirSync(join(images, kind))) {
      const from = join(images, kind, key);
      const { title } = JSON.parse(readFileSync(join(from, 'manifest.json'), 'utf8'));
      const isWanted = kind === 'kernel' || /^debian \w+$/.test(title);
      if (isWanted) cpSync(from, join(cache, 'gondolin/images', kind, key), { recursive: true });
    }
  }
}

/** When each part of the images was built, by its directory. */
function buildTimes(cache: string): Record<string, number> {
  const images = join(cache, 'gondolin/images');
  const times: Record<string, number> = {};
  for (const kind of ['kernel', 'rootfs']) {
    for (const key of readdirSync(join(images, kind))) {
      const manifest = readFileSync(join(images, kind, key, 'manifest.json'), 'utf8');
      times[`${kind}/${key}`] = JSON.parse(manifest).createdAtMs;
    }
  }
  return times;
}

it('gondolin up --build builds the image and the checkpoint of a running service again, and starts it from them', async () => {
  const cwd = directoryWith(PROJECT);
  const cache = join(cwd, 'cache');
  mkdirSync(join(cache, 'gondolin/images'), { recursive: true, mode: 0o700 });
  copyImages(cache);
  const env = { XDG_STATE_HOME: join(cwd, 'state'), XDG_CACHE_HOME: cache };
  const run = (...args: string[]) => runBuiltCli(args, { cwd, env });
  onTestFinished(async () => void (await run('down', '--timeout', '0')));
  const prepared = async () => (await run('exec', 'web', '--', 'cat', '/root/prepared')).stdout;

  const up = await run('up', '-d', '--wait');
  expect(up.code, up.all).toBe(0);
  const [first, built] = [await prepared(), buildTimes(cache)];
  expect(first).toMatch(/^[0-9a-f-]{36}\n$/);
  const same = await run('up', '-d');
  expect(same).toMatchObject({ code: 0, stdout: '=> nothing has changed\n' });
  expect(buildTimes(cache)).toEqual(built);

  const again = await run('up', '-d', '--wait', '--build');
  expect(again.code, again.all).toBe(0);
  expect(again.stdout).toContain('web: recreating: --build');
  const isNewer = ([part, at]: [string, number]) => at > (built[part] ?? 0);
  const newer = Object.entries(buildTimes(cache)).filter(isNewer);
  const kinds = newer.map(([part]) => part.split('/')[0]);
  expect(kinds.toSorted()).toEqual(['kernel', 'rootfs']);
  const second = await prepared();
  expect(second).toMatch(/^[0-9a-f-]{36}\n$/);
  expect(second).not.toBe(first);
}, 560_000);
