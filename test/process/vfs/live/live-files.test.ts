import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { RealFSProvider } from '../../../../src/vfs/real-fs-provider.ts';
import { isSettled } from '../../../../src/vfs/settled.ts';
import { CachingGuest } from '../../../fixtures/caching-guest.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';

const soon = { timeout: 10_000, interval: 5 };
const ctimeNs = (path: string) => statSync(path, { bigint: true }).ctimeNs;
const directories: string[] = [];
const clients: FuseClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.server.close();
  for (const directory of directories.splice(0))
    rmSync(directory, { recursive: true, force: true });
});

/** @param content  Of a file `f`, made long enough ago that its times tell every later change; null for no file. */
async function serve(content: string | null = null) {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-live-'));
  directories.push(directory);
  if (content !== null) {
    writeFileSync(join(directory, 'f'), content);
    await expect.poll(() => isSettled(ctimeNs(join(directory, 'f'))), soon).toBe(true);
  }
  const client = await FuseClient.start(new RealFSProvider(directory));
  clients.push(client);
  const root = await client.walk('m');
  return { directory, client, root, guest: new CachingGuest(client) };
}

it('names, attributes and missing names are asked for once while nothing changes', async () => {
  const { root, guest } = await serve('content');
  const id = await guest.lookup(root, 'f');
  await guest.lookup(root, 'missing');
  const { asked } = guest;
  expect(await guest.lookup(root, 'f')).toBe(id);
  expect(await guest.lookup(root, 'missing')).toBe(0);
  expect((await guest.stat(id)).size).toBe(7);
  expect(guest.asked).toBe(asked);
});

it.each([
  ['made', (path: string) => writeFileSync(`${path}/missing`, ''), 'missing'],
  ['removed', (path: string) => unlinkSync(`${path}/f`), 'f'],
  ['renamed', (path: string) => renameSync(`${path}/f`, `${path}/elsewhere`), 'f'],
  ['replaced', (path: string) => renameSync(`${path}/g`, `${path}/f`), 'f'],
] as const)('a name that the host has %s is told to the guest', async (_, change, name) => {
  const { directory, root, client, guest } = await serve();
  for (const each of ['f', 'g']) writeFileSync(join(directory, each), each);
  for (const each of ['f', 'g', 'missing']) await guest.lookup(root, each);
  change(directory);
  await expect.poll(() => client.staleNames, soon).toContainEqual([root, name]);
});

it.each([
  ['written', (path: string) => appendFileSync(path, '!')],
  ['chmodded', (path: string) => chmodSync(path, 0o600)],
  ['touched', (path: string) => utimesSync(path, 1, 1)],
] as const)('a file that the host has %s is asked for again', async (_, change) => {
  const { directory, root, client, guest } = await serve();
  writeFileSync(join(directory, 'f'), 'f');
  const id = await guest.lookup(root, 'f');
  change(join(directory, 'f'));
  await expect.poll(() => client.invalidated, soon).toContain(id);
});

it('contents that the host writes without a trace in size and time are dropped by the guest', async () => {
  const { directory, root, client, guest } = await serve();
  const path = join(directory, 'f');
  writeFileSync(path, 'old');
  utimesSync(path, 1_000, 1_000);
  const id = await guest.lookup(root, 'f');
  const dropped: number[] = [];
  client.onStaleNode = (node, dropsData) => void (dropsData && dropped.push(node));
  writeFileSync(path, 'new', { flag: 'r+' });
  utimesSync(path, 1_000, 1_000);
  await expect.poll(() => dropped, soon).toContain(id);
});

it("the guest's own changes cost it no name and no attributes, and it keeps what it wrote", async () => {
  const { root, client, guest } = await serve();
  await guest.make(root, 'd', 'directory');
  const directory = await guest.lookup(root, 'd');
  const stale = new Set<number>();
  client.onStaleNode = (node) => void stale.add(node);
  for (let index = 0; index < 20; index++) {
    await guest.make(directory, `f${index}`, 'file');
    await guest.write(await guest.lookup(directory, `f${index}`), Buffer.from('content'));
  }
  await guest.remove(directory, 'f0', 'file');
  await guest.rename(directory, 'f1', root, 'moved');
  const dropped: number[] = [];
  client.onStaleNode = (node, dropsData) => {
    stale.add(node);
    if (dropsData) dropped.push(node);
  };
  // A change by the host comes after all of these.
  await guest.lookup(root, 'last');
  writeFileSync(join(directories[0] ?? '', 'last'), '');
  await expect.poll(() => client.staleNames, soon).toEqual([[root, 'last']]);
  // The top has another number of directories; `moved` and the host's name are in it.
  expect([...stale].filter((node) => node !== root)).toEqual([]);
  // Only the listing in which the host made a name; it follows the name.
  await expect.poll(() => new Set(dropped), soon).toEqual(new Set([root]));
});

it('a listing that changed while the guest read it is dropped once more at its end', async () => {
  const { directory, root, client, guest } = await serve('content');
  const dropped: number[] = [];
  client.onStaleNode = (node, dropsData) => void (dropsData && dropped.push(node));
  let before = 0;
  const names = await client.list(root, async () => {
    writeFileSync(join(directory, 'new'), '');
    await expect.poll(() => dropped, soon).toContain(root);
    // Now nothing else is repeated.
    await guest.stat(root);
    before = dropped.length;
  });
  expect(names).toEqual(['f']);
  await expect.poll(() => dropped.length, soon).toBe(before + 1);
  expect((await client.list(root)).toSorted()).toEqual(['f', 'new']);
  expect(dropped).toHaveLength(before + 1);
});

it('a file with a second name, which may be changed where nobody watches, is asked for each second', async () => {
  const { directory, root, guest } = await serve();
  writeFileSync(join(directory, 'f'), 'f');
  linkSync(join(directory, 'f'), join(directory, 'other'));
  const id = await guest.lookup(root, 'f');
  const { asked } = guest;
  await guest.stat(id);
  expect(guest.asked).toBe(asked + 1);
});

it('everything below a directory that leaves the volume is asked for again', async () => {
  const { directory, root, client, guest } = await serve();
  const outside = mkdtempSync(join(tmpdir(), 'gondolin-live-'));
  directories.push(outside);
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  writeFileSync(join(directory, 'a/b/f'), 'f');
  const a = await guest.lookup(root, 'a');
  const b = await guest.lookup(a, 'b');
  const file = await guest.lookup(b, 'f');
  renameSync(join(directory, 'a'), join(outside, 'a'));
  await expect.poll(() => client.invalidated, soon).toEqual(expect.arrayContaining([a, b, file]));
  expect(client.staleNames).toEqual(
    expect.arrayContaining([
      [root, 'a'],
      [b, 'f'],
    ]),
  );
});

it('a guest that is being saved is told nothing until it runs again', async () => {
  const { directory, root, client, guest } = await serve();
  await guest.lookup(root, 'f');
  await client.server.quiesce();
  const { bytesOut } = client.server;
  writeFileSync(join(directory, 'f'), '');
  // Another server of the same directory has been told by the time that this one would have been.
  const other = new CachingGuest(await FuseClient.start(new RealFSProvider(directory)));
  clients.push(other.client);
  const otherRoot = await other.client.walk('m');
  await other.lookup(otherRoot, 'g');
  writeFileSync(join(directory, 'g'), '');
  await expect.poll(() => other.client.staleNames, soon).toContainEqual([otherRoot, 'g']);
  expect(client.server.bytesOut).toBe(bytesOut);
  client.server.resume();
  await expect.poll(() => client.staleNames, soon).toContainEqual([root, 'f']);
});

/** A small generator of its own: a failure is repeated by its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const NAMES = ['a', 'b', 'c', 'd'];
const kindOf = (path: string) => ((path.at(-1) ?? '') < 'c' ? 'directory' : 'file');
const paths = (below = ''): string[] =>
  NAMES.flatMap((name) => {
    const path = `${below}${name}`;
    return kindOf(name) === 'file' || path.length > 3 ? [path] : [path, ...paths(`${path}/`)];
  });
const PATHS = paths();
const PATHS_OF = {
  directory: PATHS.filter((path) => kindOf(path) === 'directory'),
  file: PATHS.filter((path) => kindOf(path) === 'file'),
};
/** A path that may have what `path` has. */
const like = (path: string, pick: (below: number) => number) => {
  const all = PATHS_OF[kindOf(path)];
  return all[pick(all.length)] ?? '';
};

/** One change of the host. One that is not possible now does nothing. */
function changeOnHost(directory: string, pick: (below: number) => number): void {
  const one = PATHS[pick(PATHS.length)] ?? '';
  const path = join(directory, one);
  const isFile = kindOf(one) === 'file';
  const changes = [
    () => (isFile ? writeFileSync(path, 'x'.repeat(pick(50))) : mkdirSync(path)),
    () => (isFile ? unlinkSync(path) : rmdirSync(path)),
    () => renameSync(path, join(directory, like(one, pick))),
    () => (isFile ? appendFileSync(path, 'more', { flag: 'r+' }) : mkdirSync(path)),
    () => chmodSync(path, isFile ? 0o600 + pick(64) : 0o700 + pick(64)),
    () => utimesSync(path, pick(1000), pick(1000)),
    () => (isFile ? writeFileSync(path, 'y'.repeat(pick(50))) : rmSync(path, { recursive: true })),
  ];
  try {
    changes[pick(changes.length)]?.();
  } catch {
    // There is no such file, or a directory is not empty.
  }
}

async function walk(guest: CachingGuest, root: number, path: string): Promise<[number, string]> {
  const names = path.split('/');
  const last = names.pop() ?? '';
  let at = root;
  for (const name of names) at = at === 0 ? 0 : await guest.lookup(at, name);
  return [at, last];
}

async function actInGuest(
  guest: CachingGuest,
  root: number,
  pick: (below: number) => number,
): Promise<void> {
  const path = PATHS[pick(PATHS.length)] ?? '';
  const [directory, name] = await walk(guest, root, path);
  if (directory === 0) return;
  const act = pick(8);
  if (act === 0) await guest.make(directory, name, kindOf(name));
  else if (act === 1) await guest.remove(directory, name, kindOf(name));
  else if (act === 2) {
    const [to, newName] = await walk(guest, root, like(path, pick));
    if (to !== 0) await guest.rename(directory, name, to, newName);
  } else {
    const id = await guest.lookup(directory, name);
    if (id !== 0 && act === 3 && kindOf(name) === 'file') await guest.write(id, Buffer.from('own'));
    else if (id !== 0) await guest.stat(id);
  }
}

function statOrNone(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

/** What the guest would show that is not so, for each path. */
async function wrong(guest: CachingGuest, root: number, directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of PATHS) {
    const now = statOrNone(join(directory, path));
    const [parent, name] = await walk(guest, root, path);
    const id = parent === 0 ? 0 : await guest.lookup(parent, name);
    const shown = id === 0 ? null : await guest.stat(id);
    const is = now === undefined ? 'none' : `${now.size} ${now.mode} ${now.mtimeNs}`;
    const seen = shown === null ? 'none' : `${shown.size} ${shown.mode} ${shown.mtimeNs}`;
    if (is !== seen) found.push(`${path}: ${is}, shown ${seen}`);
  }
  return found;
}

const SEED = Number(process.env['GONDOLIN_TEST_SEED'] ?? Date.now() % 1_000_000);
const IS_ALL = process.env['GONDOLIN_ALL_ATTACKS'] === '1';

it(`what the guest keeps is what the host has, whatever both do (seed ${SEED})`, {
  timeout: 600_000,
}, async () => {
  const { directory, root, guest } = await serve();
  const pick = random(SEED);
  for (let round = 0; round < (IS_ALL ? 1_000 : 40); round++) {
    for (let step = 0; step < 100; step++) {
      if (pick(3) === 0) changeOnHost(directory, pick);
      else await actInGuest(guest, root, pick).catch(() => undefined);
    }
    await vi.waitFor(async () => {
      expect(await wrong(guest, root, directory).catch(String)).toEqual([]);
    }, soon);
  }
  expect(statSync(directory).isDirectory()).toBe(true);
  expect(guest.answered).toBeGreaterThan(0);
});
