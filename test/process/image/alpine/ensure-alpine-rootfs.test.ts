import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { requestAlpine } from '../../../../src/image/alpine/alpine-recipe.ts';
import {
  type BootRootfs,
  ensureAlpineRootfs,
} from '../../../../src/image/alpine/ensure-alpine-rootfs.ts';
import { lockedApk } from '../../../../src/image/alpine/keep-locked.ts';
import { resolveAlpine } from '../../../../src/image/alpine/resolve-alpine.ts';
import type { GuestImage, ImageEvent, SetUpImage } from '../../../../src/image/guest-image.ts';
import type { AlpineRecipe } from '../../../../src/image/recipe.ts';
import { AlpineMirror, writeKeys } from '../../../fixtures/alpine/alpine-mirror.ts';
import { buildPackage, makeKey, type PackageSpec } from '../../../fixtures/alpine/apk-package.ts';
import { baseSystem } from '../../../fixtures/alpine/base-system.ts';
import { listRootfs } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const key = makeKey('tester@example.com-1.rsa.pub');
let mirror: AlpineMirror;
let directory: string;

beforeEach(async () => {
  mirror = await AlpineMirror.start();
  onTestFinished(() => mirror.close());
  directory = temporaryDirectory();
  writeKeys(join(directory, 'gondolin'), key);
});

function publish(...specs: readonly PackageSpec[]): void {
  const packages = [...baseSystem(), ...specs].map((spec) => buildPackage(spec, key));
  mirror.publish('main', packages, key);
  mirror.publish('community', [], key);
}

const recipe = (packages: readonly string[], more: Partial<AlpineRecipe> = {}): AlpineRecipe => ({
  ...{ kind: 'alpine', arch: 'x86_64', release: 'bookworm', version: '3.23', branch: null },
  ...{ packages, mirror: null, keys: null, ...more },
});

async function ensure(
  wanted: AlpineRecipe,
  more: Record<string, string> = {},
  cache = 'cache',
  vm: { readonly boot: BootRootfs; readonly setUp: SetUpImage } | null = null,
) {
  const events: ImageEvent[] = [];
  const boot = vm?.boot ?? (() => Promise.reject(new Error('no script is to run')));
  const entry = await ensureAlpineRootfs(
    wanted,
    {
      options: {
        ...(vm === null ? {} : { setUp: vm.setUp }),
        cacheDirectory: join(directory, cache),
        agentPath: '',
        env: {
          GONDOLIN_ALPINE_KEYS: join(directory, 'gondolin', 'keys'),
          GONDOLIN_ALPINE_MIRROR: mirror.url,
          ...more,
        },
        transferLimits: { retries: 0 },
      },
      onEvent: (event) => events.push(event),
      signal: new AbortController().signal,
    },
    boot,
  );
  entry.lock.release();
  const path = join(entry.place.directory, 'rootfs.squashfs');
  return { path, events, digest: entry.manifest.files['rootfs.squashfs']?.sha256 };
}

it('the root file system is a squashfs, built once and the same in another cache', async () => {
  publish({ name: 'hello', version: '1-r0', files: [{ name: 'usr/bin/hello', content: 'hi' }] });
  const first = await ensure(recipe(['hello']));
  const names = listRootfs(first.path).map((line) => line.split(' ').slice(5).join(' '));
  expect(names).toEqual(expect.arrayContaining(['/usr/bin/hello', '/lib/apk/db/installed']));
  const content = execFileSync('unsquashfs', ['-cat', first.path, 'etc/apk/world']).toString();
  expect(content.split('\n')).toEqual(expect.arrayContaining(['alpine-baselayout', 'hello']));
  expect(first.events.map(({ phase }) => phase)).toEqual(
    expect.arrayContaining(['lists', 'download', 'unpack', 'pack', 'done']),
  );
  const fractions = first.events.map(({ fraction }) => fraction ?? 0);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  mirror.requests.length = 0;
  expect((await ensure(recipe(['hello']))).digest).toBe(first.digest);
  expect(mirror.requests).toEqual([]);
  expect((await ensure(recipe(['hello']), {}, 'other')).digest).toBe(first.digest);
});

it('a lock decides which versions are taken, and is part of the image', async () => {
  const hello = (version: string, content: string) =>
    publish({ name: 'hello', version, files: [{ name: 'usr/bin/hello', content }] });
  hello('1-r0', 'one');
  const key = await requestAlpine(recipe(['hello']), {
    GONDOLIN_ALPINE_KEYS: join(directory, 'gondolin', 'keys'),
    GONDOLIN_ALPINE_MIRROR: mirror.url,
  });
  const { packages } = await resolveAlpine(key, {
    ...{ cacheDirectory: join(directory, 'cache'), environment: {}, transferLimits: {} },
    ...{ signal: new AbortController().signal, onProgress: () => undefined },
  });
  const locked = Object.fromEntries(packages.map((one) => [one.name, lockedApk(one)]));
  const first = await ensure(recipe(['hello'], { locked }));
  hello('2-r0', 'two');
  // From the cache: the mirror no longer has the old version.
  expect((await ensure(recipe(['hello'], { locked }))).digest).toBe(first.digest);
  await expect(ensure(recipe(['hello'], { locked }), {}, 'other')).rejects.toMatchObject({
    code: 'IMAGE_PACKAGE_GONE',
    message: expect.stringMatching(/hello 1-r0.* 2-r0/),
  });
  hello('1-r0', 'other');
  await expect(ensure(recipe(['hello'], { locked }), {}, 'other')).rejects.toMatchObject({
    code: 'IMAGE_DIGEST_MISMATCH',
  });
  hello('1-r0', 'one');
  expect((await ensure(recipe(['hello'], { locked }), {}, 'other')).digest).toBe(first.digest);
});

it('scripts of packages run in a VM of what was made so far, and its root is what is packed', async () => {
  publish({ name: 'daemon', version: '2-r0', scripts: { 'post-install': '#!/bin/sh\n' } });
  const booted: string[] = [];
  const release = async () => void booted.push('released');
  const boot = async ({ path }: { path: string }) => {
    booted.push(...listRootfs(path).filter((line) => line.includes('/lib/apk/exec/')));
    return { release } as unknown as GuestImage;
  };
  const archive = rawTar({ name: 'made', content: 'in the VM' });
  const setUp: SetUpImage = async (_image, { setup, archivePath }) => {
    booted.push(...setup.commands);
    writeFileSync(archivePath, archive);
    const sha256 = createHash('sha256').update(archive).digest('hex');
    return { sizeBytes: archive.length, sha256 };
  };
  const { path, events } = await ensure(recipe(['daemon']), {}, 'cache', { boot, setUp });
  expect(booted).toEqual([
    expect.stringContaining('/lib/apk/exec/1-daemon-2-r0.post-install'),
    '/lib/apk/exec/1-daemon-2-r0.post-install 2-r0',
    'rm -r /lib/apk/exec',
    'released',
  ]);
  expect(execFileSync('unsquashfs', ['-cat', path, 'made']).toString()).toBe('in the VM');
  const fractions = events.map(({ fraction }) => fraction ?? 0);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
});

it('without a mirror nothing is guessed', async () => {
  await expect(ensure(recipe([]), { GONDOLIN_ALPINE_MIRROR: '' })).rejects.toMatchObject({
    code: 'IMAGE_SOURCES_MISSING',
  });
});

it('without keys the directory for them is named', async () => {
  const env = { GONDOLIN_ALPINE_KEYS: '', XDG_CONFIG_HOME: join(directory, 'config') };
  await expect(ensure(recipe([]), env)).rejects.toMatchObject({
    code: 'IMAGE_KEY_MISSING',
    message: expect.stringContaining(join(directory, 'config', 'gondolin', 'apk-keys')),
  });
});
