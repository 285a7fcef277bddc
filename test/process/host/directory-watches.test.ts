import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import {
  type DirectoryListener,
  DirectoryWatches,
} from '../../../src/host/inotify/directory-watches.ts';

const top = mkdtempSync(join(tmpdir(), 'gondolin-watches-'));
afterEach(() => rmSync(top, { recursive: true, force: true }));

const soon = { timeout: 10_000, interval: 1 };

function watch(watches: DirectoryWatches, directory: string, listener: DirectoryListener) {
  const fd = openSync(directory, 'r');
  const added = watches.add(fd, listener);
  closeSync(fd);
  if (added === null) throw new Error('no watch is left for this user');
  return added;
}

/** Lets other processes run, but no code of this one. */
function blockMs(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('a watch receives no event of one that ended before it', async () => {
  const [former, later] = [join(top, 'former'), join(top, 'later')];
  mkdirSync(former);
  mkdirSync(later);
  const watches = new DirectoryWatches();
  const formerNames: (string | null | undefined)[] = [];
  const ended = watch(watches, former, (event) => formerNames.push(event?.name));
  writeFileSync(join(former, 'read'), '');
  await expect.poll(() => formerNames, soon).toContain('read');
  writeFileSync(join(former, 'unread'), '');
  blockMs(100);
  ended.close();
  const names: (string | null | undefined)[] = [];
  const second = watch(watches, later, (event) => names.push(event?.name));
  writeFileSync(join(later, 'own'), '');
  await expect.poll(() => names, soon).toContain('own');
  second.close();
  expect(new Set(names)).toEqual(new Set(['own']));
});

it('events that came one by one, faster than they are taken, delay no later one', async () => {
  const directory = join(top, 'busy');
  mkdirSync(directory, { recursive: true });
  const watches = new DirectoryWatches();
  const seen = new Map<string | null | undefined, number>();
  const watched = watch(watches, directory, (event) => seen.set(event?.name, performance.now()));
  for (let index = 0; index < 500; index++) {
    writeFileSync(join(directory, `f${index}`), '');
    await setTimeout(1);
  }
  const startedMs = performance.now();
  writeFileSync(join(directory, 'last'), '');
  await expect.poll(() => seen.get('last'), soon).toBeDefined();
  watched.close();
  // One pause for each part that had come would be more than a second.
  expect((seen.get('last') ?? 0) - startedMs).toBeLessThan(500);
  expect(seen.size).toBe(501);
});
