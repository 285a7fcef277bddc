import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureEntry } from '../../../src/image/cache/entry.ts';
import { entryPlace } from '../../../src/image/cache/layout.ts';
import { ensureImage } from '../../../src/image/ensure-image.ts';
import { pruneImages } from '../../../src/image/prune-images.ts';
import type { DebianRecipe } from '../../../src/image/recipe.ts';
import { kernelKey, rootfsKey } from '../../../src/image/recipe-keys.ts';
import { buildRootfs } from '../../../src/image/rootfs/build-rootfs.ts';
import { makeSmallImage } from '../../fixtures/small-image.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const DEBIAN: DebianRecipe = {
  kind: 'debian',
  arch: 'x86_64',
  release: 'bookworm',
  packages: [],
  mirror: null,
};

/** An image of a few bytes in a directory of its own, an agent and an empty cache. */
function prepare() {
  const base = temporaryDirectory();
  const path = join(base, 'image');
  makeSmallImage(path);
  const agentPath = join(base, 'agent');
  writeFileSync(agentPath, 'the agent');
  mkdirSync(join(base, 'aarch64'));
  writeFileSync(join(base, 'aarch64/agent'), 'the agent for arm64');
  return { base, path, options: { cacheDirectory: join(base, 'cache'), agentPath } };
}

it('ensureImage() opens an image directory and adds an initramfs with the agent', async () => {
  const { path, options } = prepare();
  const image = await ensureImage({ kind: 'path', path }, options);
  expect(image).toMatchObject({
    vmlinuxPath: join(path, 'vmlinux'),
    rootfsPath: join(path, 'rootfs.squashfs'),
    rootfsType: 'squashfs',
    kernelRelease: '6.1.0',
    recipe: { kind: 'path', path },
  });
  expect(image.key).toMatch(/^[0-9a-f]{64}$/);
  const initramfs = readFileSync(image.initramfsPath, 'latin1');
  for (const text of ['init\0', 'the agent', 'dev/console\0', 'modules.order\0', 'fuse.ko\n']) {
    expect(initramfs).toContain(text);
  }
  expect(initramfs.match(/TRAILER!!!/g)).toHaveLength(1);
  expect(image.sizeBytes).toBeGreaterThan(initramfs.length);
  await image.release();
  await image.release();
});

it('ensureImage() gives the same key again, and another one when the agent changes', async () => {
  const { path, options } = prepare();
  const first = await ensureImage({ kind: 'path', path }, options);
  const second = await ensureImage({ kind: 'path', path }, options);
  expect(second.key).toBe(first.key);
  writeFileSync(options.agentPath, 'a newer agent');
  const third = await ensureImage({ kind: 'path', path }, options);
  expect(third.key).not.toBe(first.key);
  expect(third.initramfsPath).not.toBe(first.initramfsPath);
  for (const image of [first, second, third]) await image.release();
});

it('ensureImage() keeps the initramfs from being pruned until release()', async () => {
  const { path, options } = prepare();
  const image = await ensureImage({ kind: 'path', path }, options);
  expect((await pruneImages(options.cacheDirectory, { all: true })).inUse).toHaveLength(1);
  await image.release();
  expect((await pruneImages(options.cacheDirectory, { all: true })).removed).toHaveLength(1);
});

it('ensureImage() follows a symbolic link to the image directory', async () => {
  const { base, path, options } = prepare();
  symlinkSync(path, join(base, 'link'));
  const image = await ensureImage({ kind: 'path', path: join(base, 'link') }, options);
  expect(image.vmlinuxPath).toBe(join(path, 'vmlinux'));
  await image.release();
});

it.each<[string, (path: string) => void]>([
  ['the directory is missing', (path) => rmSync(path, { recursive: true })],
  ['it has no manifest', (path) => rmSync(join(path, 'manifest.json'))],
])('ensureImage() rejects with IMAGE_NOT_FOUND when %s', async (_, damage) => {
  const { path, options } = prepare();
  damage(path);
  await expect(ensureImage({ kind: 'path', path }, options)).rejects.toMatchObject({
    code: 'IMAGE_NOT_FOUND',
    message: `Guest image not found at: ${path}`,
  });
});

it.each<[string, (path: string) => void]>([
  ['a file has other bytes', (path) => writeFileSync(join(path, 'vmlinux'), 'KERNEL')],
  ['a file is longer', (path) => appendFileSync(join(path, 'vmlinux'), 'x')],
  ['a file is missing', (path) => rmSync(join(path, 'rootfs.squashfs'))],
  ['the manifest is broken', (path) => writeFileSync(join(path, 'manifest.json'), '[]')],
])('ensureImage() rejects with IMAGE_INVALID when %s', async (_, damage) => {
  const { path, options } = prepare();
  damage(path);
  await expect(ensureImage({ kind: 'path', path }, options)).rejects.toMatchObject({
    code: 'IMAGE_INVALID',
  });
});

it('ensureImage() rejects with IMAGE_AGENT_MISSING when there is no agent', async () => {
  const { path, options } = prepare();
  const run = ensureImage({ kind: 'path', path }, { ...options, agentPath: '/nonexistent/agent' });
  await expect(run).rejects.toMatchObject({ code: 'IMAGE_AGENT_MISSING' });
});

it('ensureImage() rejects with IMAGE_RECIPE_INVALID before anything is started', async () => {
  const { options } = prepare();
  const run = ensureImage({ ...DEBIAN, packages: ['--x'] }, options);
  await expect(run).rejects.toMatchObject({ code: 'IMAGE_RECIPE_INVALID' });
});

it('ensureImage() rejects with IMAGE_ARCH_UNSUPPORTED, holding no lock, when the architecture is aarch64', async () => {
  const { options } = prepare();
  await expect(ensureImage({ ...DEBIAN, arch: 'aarch64' }, options)).rejects.toMatchObject({
    code: 'IMAGE_ARCH_UNSUPPORTED',
  });
  expect((await pruneImages(options.cacheDirectory, { all: true })).inUse).toEqual([]);
});

it('ensureImage() builds a kernel and root file system again that are older than it may be, and keeps them if that fails', async () => {
  const { options } = prepare();
  // No tool of this machine builds one for another architecture, so that the attempt to build is seen.
  const recipe: DebianRecipe = { ...DEBIAN, arch: 'aarch64' };
  const signal = new AbortController().signal;
  const parts = [
    { kind: 'kernel', key: kernelKey(recipe), names: ['vmlinux', 'modules.cpio'] },
    { kind: 'rootfs', key: rootfsKey(recipe), names: ['rootfs.squashfs'] },
  ] as const;
  for (const { kind, key, names } of parts) {
    const build = async (directory: string) => {
      for (const name of names) writeFileSync(join(directory, name), 'old');
      return { title: 'old', kernelRelease: kind === 'kernel' ? '6.1.0' : '' };
    };
    const place = entryPlace(options.cacheDirectory, kind, key);
    const held = await ensureEntry(place, { build, onEvent: () => undefined, signal });
    held.lock.release();
  }
  const before = Date.now();
  const found = await ensureImage(recipe, { ...options, rebuildBeforeMs: before - 60_000 });
  await found.release();
  const again = ensureImage(recipe, { ...options, rebuildBeforeMs: before + 60_000 });
  await expect(again).rejects.toMatchObject({ code: 'IMAGE_ARCH_UNSUPPORTED' });
  const kept = await ensureImage(recipe, options);
  expect(kept.key).toBe(found.key);
  await kept.release();
});

it('ensureImage() rejects with the reason when it was aborted before', async () => {
  const { path, options } = prepare();
  const reason = new Error('stop');
  const run = ensureImage(
    { kind: 'path', path },
    { ...options, signal: AbortSignal.abort(reason) },
  );
  await expect(run).rejects.toBe(reason);
});

it('buildRootfs() rejects with IMAGE_ARCH_UNSUPPORTED when the architecture is aarch64', async () => {
  const { base } = prepare();
  const run = buildRootfs({
    arch: 'aarch64',
    release: 'bookworm',
    packages: [],
    modules: null,
    prepareBase: () => Promise.reject(new Error('too early')),
    sources: [],
    installFrom: null,
    builder: { uid: 0, userName: 'root', subuid: '', subgid: '' },
    target: base,
    cwd: base,
    environment: {},
    logPath: join(base, 'log'),
    signal: new AbortController().signal,
    onPhase: () => undefined,
  });
  await expect(run).rejects.toMatchObject({ code: 'IMAGE_ARCH_UNSUPPORTED' });
});

it('ensureImage() puts the agent of the image of a directory into it, and says how to build one that is missing', async () => {
  const { base, options } = prepare();
  const path = join(base, 'arm');
  makeSmallImage(path, { arch: 'aarch64' });
  const image = await ensureImage({ kind: 'path', path }, options);
  expect(image.arch).toBe('aarch64');
  expect(readFileSync(image.initramfsPath, 'latin1')).toContain('the agent for arm64');
  await image.release();
  rmSync(join(base, 'aarch64'), { recursive: true });
  await expect(ensureImage({ kind: 'path', path }, options)).rejects.toMatchObject({
    code: 'IMAGE_AGENT_MISSING',
    hint: expect.stringContaining('make -C guest aarch64'),
  });
});
