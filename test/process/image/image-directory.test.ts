import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  buildImageDirectory,
  type DirectoryBuild,
} from '../../../src/image/build/build-image-directory.ts';
import { verifyImageDirectory } from '../../../src/image/build/image-directory.ts';
import { ensureImage } from '../../../src/image/ensure-image.ts';
import { shellOf } from '../../../src/vm/guest-command.ts';
import { makeSmallImage } from '../../fixtures/small-image.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const container = {
  env: { PATH: '/bin', A: 'image' },
  ...{ entrypoint: ['/entry'], cmd: ['one'], workingDir: '/srv', user: 'app' },
  ...{ exposedPorts: ['80/tcp'], stopSignal: 'SIGQUIT' },
};

/** A small image to copy, and what it takes to build one from it. */
function prepare(more: Readonly<Record<string, unknown>> = {}) {
  const base = temporaryDirectory();
  const path = join(base, 'image');
  makeSmallImage(path, more);
  const agentPath = join(base, 'agent');
  writeFileSync(agentPath, 'the agent');
  const options = { cacheDirectory: join(base, 'cache'), agentPath };
  const build: DirectoryBuild = {
    ...{ recipe: { kind: 'path', path }, directory: join(base, 'out'), label: 'tools', env: {} },
    maxRootfsBytes: null,
  };
  return { base, path, options, build };
}

const signal = new AbortController().signal;

it('buildImageDirectory() writes a directory that ensureImage() opens', async () => {
  const { path, options, build } = prepare();
  await buildImageDirectory(build, options);
  const names = ['vmlinux', 'modules.cpio', 'rootfs.squashfs'];
  expect(readdirSync(build.directory).toSorted()).toEqual(['manifest.json', ...names].toSorted());
  for (const name of names) {
    expect(readFileSync(join(build.directory, name))).toEqual(readFileSync(join(path, name)));
  }
  const image = await ensureImage({ kind: 'path', path: build.directory }, options);
  const original = await ensureImage({ kind: 'path', path }, options);
  expect(image).toMatchObject({ kernelRelease: '6.1.0', container: null, key: original.key });
});

it('buildImageDirectory() keeps what an OCI image says about running it, with env over its own', async () => {
  const { options, build } = prepare({ container });
  await buildImageDirectory({ ...build, env: { A: 'config', B: '2' } }, options);
  const image = await ensureImage({ kind: 'path', path: build.directory }, options);
  const env = { PATH: '/bin', A: 'config', B: '2' };
  expect(image.container).toEqual({ ...container, env, shell: 'plain' });
  expect(shellOf(image.container)).toBe('plain');
});

it('buildImageDirectory() with env alone leaves commands their login shell', async () => {
  const { options, build } = prepare();
  await buildImageDirectory({ ...build, env: { A: '1' } }, options);
  const image = await ensureImage({ kind: 'path', path: build.directory }, options);
  expect(image.container).toMatchObject({ env: { A: '1' }, entrypoint: [], user: '' });
  expect(shellOf(image.container)).toBe('login');
});

it('buildImageDirectory() replaces an older image, and nothing else', async () => {
  const { options, build } = prepare();
  await buildImageDirectory({ ...build, label: 'old' }, options);
  await buildImageDirectory({ ...build, label: 'new' }, options);
  expect((await verifyImageDirectory(build.directory, signal)).manifest.title).toMatch(/^new: /);
  writeFileSync(join(build.directory, 'notes.txt'), 'mine');
  await expect(buildImageDirectory(build, options)).rejects.toMatchObject({
    ...{ code: 'IMAGE_OUTPUT_OCCUPIED', message: expect.stringContaining("'notes.txt'") },
  });
  expect(readFileSync(join(build.directory, 'notes.txt'), 'utf8')).toBe('mine');
});

it('buildImageDirectory() takes an empty directory, and no file', async () => {
  const { base, options, build } = prepare();
  mkdirSync(build.directory);
  await buildImageDirectory(build, options);
  const directory = join(base, 'agent');
  await expect(buildImageDirectory({ ...build, directory }, options)).rejects.toMatchObject({
    code: 'IMAGE_OUTPUT_OCCUPIED',
  });
});

it('buildImageDirectory() leaves nothing when it is cancelled or the image is too large', async () => {
  const { base, options, build } = prepare();
  const before = readdirSync(base);
  await expect(buildImageDirectory({ ...build, maxRootfsBytes: 3 }, options)).rejects.toMatchObject(
    { code: 'IMAGE_TOO_LARGE' },
  );
  const aborted = AbortSignal.abort(new Error('cancelled'));
  await expect(buildImageDirectory(build, { ...options, signal: aborted })).rejects.toThrow(
    'cancelled',
  );
  expect(readdirSync(base).filter((name) => name !== 'cache')).toEqual(before);
});

it('buildImageDirectory() removes what a killed build left beside the directory', async () => {
  const { base, options, build } = prepare();
  // The name of a process that ended.
  const { temporaryName } = await import('../../../src/host/atomic-write.ts');
  const left = temporaryName().replace(/-\d+-\d+-([0-9a-f]+)$/, '-4194300-1-$1');
  mkdirSync(join(base, left));
  await buildImageDirectory(build, options);
  expect(readdirSync(base)).not.toContain(left);
});

it('verifyImageDirectory() names each file that is not as the manifest says', async () => {
  const { path } = prepare();
  const problems = async () => {
    const { files } = await verifyImageDirectory(path, signal);
    return Object.fromEntries(files.map(({ name, problem }) => [name, problem]));
  };
  expect(await problems()).toEqual({
    ...{ vmlinux: null, 'modules.cpio': null, 'rootfs.squashfs': null },
  });
  writeFileSync(join(path, 'vmlinux'), 'Kernel');
  writeFileSync(join(path, 'rootfs.squashfs'), 'roots');
  expect(await problems()).toEqual({
    vmlinux: expect.stringContaining('digest'),
    'modules.cpio': null,
    'rootfs.squashfs': 'it has 5 bytes, and the manifest says 4',
  });
});

it('ensureImage() refuses a manifest whose container has another form', async () => {
  const { path, options } = prepare({ container: { ...container, user: 7 } });
  await expect(ensureImage({ kind: 'path', path }, options)).rejects.toMatchObject({
    ...{ code: 'IMAGE_INVALID', message: expect.stringContaining('container.user') },
  });
});
