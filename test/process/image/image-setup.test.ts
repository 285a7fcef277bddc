import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureImage } from '../../../src/image/ensure-image.ts';
import type { ImageEvent, SetUpImage } from '../../../src/image/guest-image.ts';
import { peekImage } from '../../../src/image/peek-image.ts';
import { digestCopied } from '../../../src/image/setup/digest-copied.ts';
import type { ImageRecipe, ImageSetup } from '../../../src/plan/plan.ts';
import { rawTar } from '../../fixtures/oci/raw-tar.ts';
import { makeSmallImage } from '../../fixtures/small-image.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const NETWORK = { allowedHosts: [], allowedPrivate: [], extraHosts: [] };
const signal = new AbortController().signal;

/** A base image, and a VM that "runs" commands by writing one archive; `calls` has the commands of each. */
function prepare(archive: Buffer = rawTar({ name: 'etc/made', content: 'made' })) {
  const base = temporaryDirectory();
  const path = join(base, 'image');
  makeSmallImage(path);
  const agentPath = join(base, 'agent');
  writeFileSync(agentPath, 'the agent');
  const calls: string[][] = [];
  const setUp: SetUpImage = async (image, { setup, archivePath }) => {
    expect(image.rootfsPath).toBe(join(path, 'rootfs.squashfs'));
    calls.push([...setup.commands]);
    writeFileSync(archivePath, archive);
    return {
      sizeBytes: archive.length,
      sha256: createHash('sha256').update(archive).digest('hex'),
    };
  };
  const options = { cacheDirectory: join(base, 'cache'), agentPath, setUp };
  const recipe = (change: Partial<ImageSetup> = {}): ImageRecipe => ({
    ...{ kind: 'setup', base: { kind: 'path', path } },
    setup: { copy: [], commands: ['id'], network: NETWORK, ...change },
  });
  return { base, path, options, recipe, calls };
}

it('ensureImage() makes the root file system of a setup once', async () => {
  const { options, recipe, calls } = prepare();
  expect(await peekImage(recipe(), options)).toBeNull();
  const image = await ensureImage(recipe(), options);
  const list = execFileSync('unsquashfs', ['-l', image.rootfsPath], { encoding: 'utf8' });
  expect(list).toContain('squashfs-root/etc/made');
  await image.release();
  const again = await ensureImage(recipe(), options);
  expect(again.key).toBe(image.key);
  expect(await peekImage(recipe(), options)).toMatchObject({
    ...{ key: image.key, rootfsPath: image.rootfsPath },
  });
  await again.release();
  expect(calls).toEqual([['id']]);
});

it('ensureImage() does a setup again when its commands, network, files or base change', async () => {
  const { base, path, options, recipe, calls } = prepare();
  const hostPath = join(base, 'copied');
  writeFileSync(hostPath, 'one');
  const copy = [{ hostPath, guestPath: '/opt/copied' }];
  const ensure = async (change: Partial<ImageSetup>) => {
    await (await ensureImage(recipe(change), options)).release();
    return calls.length;
  };
  expect(await ensure({})).toBe(1);
  expect(await ensure({ commands: ['id', 'ls'] })).toBe(2);
  expect(await ensure({ network: { ...NETWORK, allowedHosts: ['a.test'] } })).toBe(3);
  expect(await ensure({ copy })).toBe(4);
  writeFileSync(hostPath, 'two');
  expect(await ensure({ copy })).toBe(5);
  expect(await ensure({ copy })).toBe(5);
  const { rmSync } = await import('node:fs');
  rmSync(path, { recursive: true });
  makeSmallImage(path, { container: null, title: 'other' });
  expect(await ensure({})).toBe(5);
});

it('ensureImage() refuses what a hostile guest sends as its root, and keeps nothing of it', async () => {
  const hostile = [
    rawTar({ name: '../evil', content: 'x' }),
    rawTar({ name: 'a', type: '9', content: 'x' }),
    rawTar({ name: 'a', type: '1', link: 'nothing' }),
    rawTar({ name: 'a', content: 'x'.repeat(2000) }).subarray(0, 1024),
  ];
  for (const [index, archive] of hostile.entries()) {
    const { options, recipe } = prepare(archive);
    await expect(ensureImage(recipe(), options), String(index)).rejects.toMatchObject({
      code: 'IMAGE_LAYER_INVALID',
    });
    expect(readdirSync(join(options.cacheDirectory, 'images/rootfs'))).toEqual([]);
  }
});

it('ensureImage() passes on the failure of a setup, holding nothing', async () => {
  const { options, recipe } = prepare();
  const events: ImageEvent[] = [];
  const setUp: SetUpImage = () => Promise.reject(new Error('it failed'));
  const failing = { ...options, setUp, onProgress: (event: ImageEvent) => void events.push(event) };
  await expect(ensureImage(recipe(), failing)).rejects.toThrow('it failed');
  expect(readdirSync(join(options.cacheDirectory, 'images/rootfs'))).toEqual([]);
  // The locks are free.
  await (await ensureImage(recipe(), options)).release();
});

it('digestCopied() changes with names, contents, permissions and links of a tree', async () => {
  const tree = join(temporaryDirectory(), 'tree');
  mkdirSync(join(tree, 'below'), { recursive: true });
  writeFileSync(join(tree, 'below/file'), 'one');
  symlinkSync('file', join(tree, 'below/link'));
  const digest = async () => (await digestCopied([{ hostPath: tree, guestPath: '/a' }], signal))[0];
  const seen = [await digest()];
  expect(await digest()).toBe(seen[0]);
  writeFileSync(join(tree, 'below/file'), 'two');
  seen.push(await digest());
  chmodSync(join(tree, 'below/file'), 0o700);
  seen.push(await digest());
  symlinkSync('elsewhere', join(tree, 'other'));
  seen.push(await digest());
  mkdirSync(join(tree, 'empty'));
  seen.push(await digest());
  expect(new Set(seen).size).toBe(seen.length);
});

it('digestCopied() names a path that does not exist', async () => {
  const copy = [{ hostPath: '/none/of/this', guestPath: '/a' }];
  await expect(digestCopied(copy, signal)).rejects.toMatchObject({
    ...{ code: 'IMAGE_SETUP_FAILED', message: expect.stringContaining('/none/of/this') },
  });
});
