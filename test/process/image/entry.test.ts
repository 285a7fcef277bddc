import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type EntryBuilder, ensureEntry, type HeldEntry } from '../../../src/image/cache/entry.ts';
import { type EntryPlace, entryPlace } from '../../../src/image/cache/layout.ts';
import type { ImageEvent } from '../../../src/image/guest-image.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const KEY = 'c'.repeat(64);
const FACTS = { title: 'test', kernelRelease: '' };

class Cache {
  readonly directory = temporaryDirectory();
  readonly place: EntryPlace = entryPlace(this.directory, 'rootfs', KEY);
  readonly file = join(this.place.directory, 'rootfs.squashfs');
  readonly events: ImageEvent[] = [];
  builds = 0;

  readonly build: EntryBuilder = async (directory) => {
    this.builds += 1;
    writeFileSync(join(directory, 'rootfs.squashfs'), `build ${this.builds}`);
    return FACTS;
  };

  async ensure(build = this.build, signal = new AbortController().signal): Promise<HeldEntry> {
    const onEvent = (event: ImageEvent): void => void this.events.push(event);
    const held = await ensureEntry(this.place, { build, onEvent, signal });
    held.lock.release();
    return held;
  }

  leftovers(): string[] {
    return readdirSync(this.place.parent).filter((name) => name !== KEY);
  }
}

it('ensureEntry() builds a missing entry, and takes it from the cache the next time', async () => {
  const cache = new Cache();
  const first = await cache.ensure();
  const second = await cache.ensure();
  expect(cache.builds).toBe(1);
  expect(second.manifest).toEqual(first.manifest);
  expect(first.manifest.files['rootfs.squashfs']?.sizeBytes).toBe(7);
  expect(cache.events.map(({ phase }) => phase)).toEqual(['done']);
  expect(cache.leftovers()).toEqual([]);
});

it('ensureEntry() builds once and says that it waits when two ask at the same time', async () => {
  const cache = new Cache();
  const gate = makeGate();
  const slow: EntryBuilder = async (directory) => {
    await gate.promise;
    return cache.build(directory);
  };
  const first = cache.ensure(slow);
  const second = cache.ensure(slow);
  while (!cache.events.some(({ phase }) => phase === 'wait')) await new Promise(setImmediate);
  gate.resolve();
  const [one, two] = await Promise.all([first, second]);
  expect(cache.builds).toBe(1);
  expect(two.manifest).toEqual(one.manifest);
});

function makeGate(): { promise: Promise<void>; resolve: () => void } {
  let resolveGate: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    resolveGate = resolve;
  });
  return { promise, resolve: resolveGate };
}

it.each<[string, (cache: Cache) => void]>([
  ['a file is shorter', (cache) => truncateSync(cache.file, 3)],
  ['a file is longer', (cache) => appendFileSync(cache.file, 'x')],
  ['a file is missing', (cache) => rmSync(cache.file)],
  ['the manifest is missing', (cache) => rmSync(join(cache.place.directory, 'manifest.json'))],
  [
    'the manifest is no JSON',
    (cache) => writeFileSync(join(cache.place.directory, 'manifest.json'), '{'),
  ],
  [
    'the manifest is huge',
    (cache) => writeFileSync(join(cache.place.directory, 'manifest.json'), ' '.repeat(70_000)),
  ],
  [
    'the manifest is that of another key',
    (cache) => {
      const path = join(cache.place.directory, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(KEY, 'd'.repeat(64)));
    },
  ],
  [
    'bytes changed but neither size nor time did',
    (cache) => {
      const { atime, mtime } = statSync(cache.file);
      writeFileSync(cache.file, 'BUILD 1');
      utimesSync(cache.file, atime, mtime);
    },
  ],
  [
    'a file is a symbolic link',
    (cache) => {
      const other = join(cache.directory, 'other');
      writeFileSync(other, 'build 1');
      rmSync(cache.file);
      symlinkSync(other, cache.file);
    },
  ],
  [
    'the manifest is a named pipe',
    (cache) => {
      const path = join(cache.place.directory, 'manifest.json');
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
  ],
  [
    'the entry is a file',
    (cache) => {
      rmSync(cache.place.directory, { recursive: true });
      writeFileSync(cache.place.directory, '');
    },
  ],
  [
    'the directory is empty',
    (cache) => {
      rmSync(cache.place.directory, { recursive: true });
      mkdirSync(cache.place.directory);
    },
  ],
])('ensureEntry() warns and builds again when %s', async (_, damage) => {
  const cache = new Cache();
  await cache.ensure();
  damage(cache);
  cache.events.length = 0;
  await cache.ensure();
  expect(cache.builds).toBe(2);
  expect(cache.events[0]).toMatchObject({ level: 'warning', phase: 'discard', artifact: 'rootfs' });
  expect(readFileSync(cache.file, 'utf8')).toBe('build 2');
  expect(cache.leftovers()).toEqual([]);
});

it('ensureEntry() says so and builds again when the entry is not the one that is wanted', async () => {
  const cache = new Cache();
  const ensureFor = async (kernelRelease: string): Promise<void> => {
    const held = await ensureEntry(cache.place, {
      build: async (directory) => ({ ...(await cache.build(directory)), kernelRelease }),
      findMismatch: (manifest) =>
        manifest.kernelRelease === kernelRelease ? null : 'another kernel',
      onEvent: (event) => void cache.events.push(event),
      signal: new AbortController().signal,
    });
    held.lock.release();
    expect(held.manifest.kernelRelease).toBe(kernelRelease);
  };
  for (const release of ['6.1.0-55', '6.1.0-55', '6.1.0-56', '6.1.0-56']) await ensureFor(release);
  expect(cache.builds).toBe(2);
  expect(cache.events.filter(({ phase }) => phase === 'discard')).toEqual([
    expect.objectContaining({
      level: 'info',
      message: expect.stringContaining('another kernel'),
    }),
  ]);
  expect(cache.leftovers()).toEqual([]);
});

it('ensureEntry() keeps an entry that is not the one that is wanted until there is another', async () => {
  const cache = new Cache();
  await cache.ensure();
  const rebuild = (build: EntryBuilder) =>
    ensureEntry(cache.place, {
      build,
      findMismatch: ({ title }) => (title === 'new' ? null : 'it is old'),
      onEvent: (event) => void cache.events.push(event),
      signal: new AbortController().signal,
    });
  const failing = rebuild(() => Promise.reject(new Error('no network')));
  await expect(failing).rejects.toThrow('no network');
  expect(readFileSync(cache.file, 'utf8')).toBe('build 1');
  const held = await rebuild(async (directory) => ({
    ...(await cache.build(directory)),
    title: 'new',
  }));
  held.lock.release();
  expect(readFileSync(cache.file, 'utf8')).toBe('build 2');
  expect(cache.leftovers()).toEqual([]);
});

it('ensureEntry() leaves nothing and passes the error on when the builder fails', async () => {
  const cache = new Cache();
  const failure = new Error('no');
  const fail: EntryBuilder = (directory) => {
    writeFileSync(join(directory, 'rootfs.squashfs'), 'half');
    return Promise.reject(failure);
  };
  await expect(cache.ensure(fail)).rejects.toBe(failure);
  expect(cache.leftovers()).toEqual([]);
  expect(existsSync(cache.place.directory)).toBe(false);
  await cache.ensure();
  expect(cache.builds).toBe(1);
});

it('ensureEntry() rejects when the builder leaves out a file', async () => {
  const cache = new Cache();
  await expect(cache.ensure(() => Promise.resolve(FACTS))).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(cache.leftovers()).toEqual([]);
});

it('ensureEntry() rejects with the reason and leaves nothing when aborted in a build', async () => {
  const cache = new Cache();
  const controller = new AbortController();
  const reason = new Error('stop');
  const build: EntryBuilder = (directory) => {
    controller.abort(reason);
    return cache.build(directory);
  };
  await expect(cache.ensure(build, controller.signal)).rejects.toBe(reason);
  expect(cache.leftovers()).toEqual([]);
  expect(existsSync(cache.place.directory)).toBe(false);
});

it('ensureEntry() rejects with the reason when aborted while another builds', async () => {
  const cache = new Cache();
  const [begun, gate] = [makeGate(), makeGate()];
  const first = cache.ensure(async (directory) => {
    begun.resolve();
    await gate.promise;
    return cache.build(directory);
  });
  await begun.promise;
  const controller = new AbortController();
  const second = cache.ensure(cache.build, controller.signal);
  while (!cache.events.some(({ phase }) => phase === 'wait')) await new Promise(setImmediate);
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(second).rejects.toBe(reason);
  gate.resolve();
  await first;
  expect(cache.builds).toBe(1);
});

async function startOther(cache: Cache, goPath: string) {
  const args = ['--import', 'tsx', 'test/fixtures/entry-builder.ts', cache.directory, KEY, goPath];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

it('ensureEntry() waits for another process, names it, and uses what it built', async () => {
  const cache = new Cache();
  const goPath = join(cache.directory, 'go');
  const other = await startOther(cache, goPath);
  const ended = once(other, 'exit');
  const mine = cache.ensure();
  while (cache.events.length === 0) await new Promise(setImmediate);
  expect(cache.events[0]).toMatchObject({ phase: 'wait' });
  expect(cache.events[0]?.message).toContain(`process ${other.pid}`);
  writeFileSync(goPath, '');
  await mine;
  expect(await ended).toEqual([0, null]);
  expect(cache.builds).toBe(0);
  expect(readFileSync(cache.file, 'utf8')).toBe('made by another process');
});

it('ensureEntry() sweeps and builds at once when the other process was killed in its build', async () => {
  const cache = new Cache();
  const other = await startOther(cache, join(cache.directory, 'go'));
  expect(cache.leftovers()).toHaveLength(1);
  const ended = once(other, 'exit');
  other.kill('SIGKILL');
  await ended;
  await cache.ensure();
  expect(cache.builds).toBe(1);
  expect(cache.leftovers()).toEqual([]);
});
