import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ensureImage } from '../../src/image/ensure-image.ts';
import type { GuestImage, ImageEvent } from '../../src/image/guest-image.ts';
import { listImages } from '../../src/image/list-images.ts';
import { pruneImages } from '../../src/image/prune-images.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { hostRelease } from '../fixtures/workload-image.ts';

/** Two cores that others use too: a build takes 35 to 90 s. */
const BUILD_LIMIT_MS = 240_000;
/** Moments of a build at which it is killed. */
const KILLS = IS_FULL_LOAD ? 20 : 5;
const ROOT = resolve(import.meta.dirname, '../..');

const base = mkdtempSync(join(tmpdir(), 'gondolin-build-'));
const agentPath = join(base, 'agent');
const options = { cacheDirectory: join(base, 'cache'), agentPath };
const release = hostRelease();
const recipe = { kind: 'debian', arch: 'x86_64', release, packages: [], mirror: null } as const;
const events: ImageEvent[] = [];
let image: GuestImage;

beforeAll(async () => {
  writeFileSync(agentPath, 'no boot here');
  image = await ensureImage(recipe, { ...options, onProgress: (event) => void events.push(event) });
}, BUILD_LIMIT_MS);

afterAll(async () => {
  await image.release();
  rmSync(base, { recursive: true, force: true });
});

/** Processes that name the directory on their command line. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(directory));
}

function leftovers(cacheDirectory: string): string[] {
  const names = readdirSync(join(cacheDirectory, 'images'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /^[a-z]+\/tmp-/.test(name));
}

function freshCache(name: string): string {
  const cacheDirectory = join(base, name);
  onTestFinished(() => rmSync(cacheDirectory, { recursive: true, force: true }));
  return cacheDirectory;
}

it('ensureImage() tells of each artifact with a fraction that only rises', () => {
  for (const artifact of ['kernel', 'rootfs'] as const) {
    const own = events.filter((event) => event.artifact === artifact && event.fraction !== null);
    const fractions = own.map(({ fraction }) => fraction ?? 0);
    expect(fractions.length).toBeGreaterThan(3);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
  }
  expect(events.filter(({ level }) => level === 'warning')).toEqual([]);
});

it('ensureImage() leaves no temporary file, log, process or mount behind', () => {
  expect(leftovers(options.cacheDirectory)).toEqual([]);
  expect(readdirSync(join(options.cacheDirectory, 'images/logs'))).toEqual([]);
  expect(processesOf(options.cacheDirectory)).toEqual([]);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(base);
});

it('ensureImage() takes the image from the cache the next time', async () => {
  const again: ImageEvent[] = [];
  const second = await ensureImage(recipe, {
    ...options,
    onProgress: (event) => void again.push(event),
  });
  onTestFinished(() => second.release());
  expect(again).toEqual([]);
  expect({ ...second, release: null }).toEqual({ ...image, release: null });
  expect((await listImages(options.cacheDirectory)).map(({ kind }) => kind).toSorted()).toEqual([
    'initramfs',
    'kernel',
    'rootfs',
  ]);
});

it(
  'ensureImage() rejects with IMAGE_PACKAGE_UNKNOWN and keeps the log when a package does not exist',
  async () => {
    const cacheDirectory = options.cacheDirectory;
    const wrong = { ...recipe, packages: ['gondolin-no-such-package'] };
    await expect(ensureImage(wrong, { ...options, cacheDirectory })).rejects.toMatchObject({
      code: 'IMAGE_PACKAGE_UNKNOWN',
      message: expect.stringContaining("'gondolin-no-such-package'") as unknown,
    });
    expect(readdirSync(join(cacheDirectory, 'images/logs'))).toHaveLength(1);
    expect(leftovers(cacheDirectory)).toEqual([]);
  },
  BUILD_LIMIT_MS,
);

it(
  'ensureImage() ends every process and removes every file when aborted in a build',
  async () => {
    const cacheDirectory = freshCache('aborted');
    const controller = new AbortController();
    const reason = new Error('stop');
    const run = ensureImage(recipe, {
      ...options,
      cacheDirectory,
      signal: controller.signal,
      onProgress: ({ artifact, phase }) => {
        if (artifact === 'rootfs' && phase === 'unpack') controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(processesOf(cacheDirectory)).toEqual([]);
    expect(leftovers(cacheDirectory)).toEqual([]);
  },
  BUILD_LIMIT_MS,
);

it(
  'a build that is killed with its gondolin leaves no process and no mount, and its files are swept',
  async () => {
    const cacheDirectory = freshCache('killed');
    const args = [
      '--import',
      'tsx',
      'test/fixtures/image-builder.ts',
      cacheDirectory,
      agentPath,
      release,
    ];
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    // The chroot's /proc and /dev are mounted by then.
    for await (const line of createInterface(child.stdout)) if (line === 'rootfs install') break;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await expect.poll(() => processesOf(cacheDirectory), { timeout: 2000 }).toEqual([]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(base);
    expect(leftovers(cacheDirectory)).not.toEqual([]);
    await pruneImages(cacheDirectory);
    expect(leftovers(cacheDirectory)).toEqual([]);
  },
  BUILD_LIMIT_MS,
);

it(
  `a build that is killed at ${KILLS} moments one after another leaves nothing in the way of the next, which is the same as one that nobody killed`,
  async () => {
    const cacheDirectory = freshCache('killed-often');
    const args = ['--import', 'tsx', 'test/fixtures/image-builder.ts'];
    const lines = events.length;
    let killed = 0;
    for (let at = 0; at < KILLS; at += 1) {
      const killAt = 1 + Math.floor((at * lines) / KILLS);
      const child = spawn(process.execPath, [...args, cacheDirectory, agentPath, release], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const ended = once(child, 'exit');
      let seen = 0;
      for await (const _line of createInterface(child.stdout)) {
        seen += 1;
        if (seen === killAt) child.kill('SIGKILL');
      }
      killed += (await ended)[1] === 'SIGKILL' ? 1 : 0;
      await expect.poll(() => processesOf(cacheDirectory), { timeout: 5000 }).toEqual([]);
      expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(base);
    }
    expect(killed).toBeGreaterThanOrEqual(KILLS * 0.8);
    const again = await ensureImage(recipe, { ...options, cacheDirectory });
    onTestFinished(() => again.release());
    // Of the kernel's, the root file system's and the agent's bytes.
    expect(again.key).toBe(image.key);
    expect(leftovers(cacheDirectory)).toEqual([]);
  },
  KILLS * BUILD_LIMIT_MS,
);
