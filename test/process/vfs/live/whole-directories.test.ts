import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { EDITOR_UID } from '../../../../src/protocol/constants.ts';
import { OPCODE } from '../../../../src/protocol/fuse/fuse-abi.ts';
import { FuseServer } from '../../../../src/vfs/fuse-server.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../../src/vfs/overlay-provider.ts';
import type { VfsProvider } from '../../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../../src/vfs/real-fs-provider.ts';
import { CachingGuest } from '../../../fixtures/caching-guest.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';

const soon = { timeout: 10_000, interval: 5 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-whole-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function startServer(providers: readonly VfsProvider[]): Promise<FuseClient> {
  const mounts = providers.map((provider, index) => ({ name: `m${index}`, provider }));
  const server = new FuseServer({ mounts, user: { uid: 0, gid: 0 } });
  await server.start();
  cleanups.push(() => server.close());
  return new FuseClient(server);
}

/** A volume with a directory `made` that the guest has just made. */
async function makeDirectory(...wrap: ((path: string) => VfsProvider)[]) {
  const path = newDirectory();
  const real = (at: string): VfsProvider => new RealFSProvider(at);
  const client = await startServer((wrap.length === 0 ? [real] : wrap).map((one) => one(path)));
  const guest = new CachingGuest(client);
  const root = await client.walk('m0');
  await guest.make(root, 'made', 'directory');
  const made = await guest.lookup(root, 'made');
  return { path: join(path, 'made'), top: path, client, guest, root, made };
}

/** Resolves once the guest was told of an edit of the host: of all before it too. */
async function seesAll({
  top,
  client,
  guest,
  root,
}: Pick<Awaited<ReturnType<typeof makeDirectory>>, 'top' | 'client' | 'guest' | 'root'>) {
  await guest.lookup(root, 'last');
  writeFileSync(join(top, 'last'), '');
  await expect.poll(() => client.staleNames, soon).toContainEqual([root, 'last']);
}

it('a directory that the guest has just made is told to the agent before the reply', async () => {
  const { guest, made } = await makeDirectory();
  expect([...guest.whole.keys()]).toEqual([made]);
});

it('names that the guest makes in it, in every way, leave it known', async () => {
  const { top, client, guest, root, made } = await makeDirectory();
  await guest.make(made, 'file', 'file');
  const file = await guest.lookup(made, 'file');
  await guest.make(made, 'directory', 'directory');
  await client.symlink(made, 'link', 'file');
  await client.mknod(made, 'fifo', 0o010644);
  await client.link(file, made, 'second');
  await guest.make(root, 'outside', 'file');
  await client.rename(root, 'outside', made, 'inside');
  await client.rename(made, 'file', made, 'directory', 2);
  await guest.remove(made, 'link', 'file');
  await seesAll({ top, client, guest, root });
  expect(guest.whole.has(made)).toBe(true);
});

it.each([
  ['makes a file', (path: string) => writeFileSync(join(path, 'theirs'), '')],
  ['makes a directory', (path: string) => mkdirSync(join(path, 'theirs'))],
  [
    'renames a file of the guest',
    (path: string) => renameSync(join(path, 'ours'), join(path, 'x')),
  ],
  ['moves a file there', (path: string) => renameSync(join(path, '../other'), join(path, 'other'))],
  ['moves it away', (path: string) => renameSync(path, join(path, '../elsewhere'))],
  ['removes it', (path: string) => rmSync(path, { recursive: true })],
] as const)('it is not known any more once the host %s', async (_, change) => {
  const { path, top, guest, made } = await makeDirectory();
  writeFileSync(join(top, 'other'), '');
  await guest.make(made, 'ours', 'file');
  change(path);
  await expect.poll(() => guest.whole.has(made), soon).toBe(false);
});

it('a name that the guest made, and that the host replaces, leaves it known', async () => {
  const { path, top, client, guest, root, made } = await makeDirectory();
  await guest.make(made, 'ours', 'file');
  unlinkSync(join(path, 'ours'));
  writeFileSync(join(path, 'ours'), 'theirs');
  await seesAll({ top, client, guest, root });
  expect(guest.whole.has(made)).toBe(true);
  await expect
    .poll(async () => (await guest.stat(await guest.lookup(made, 'ours'))).size, soon)
    .toBe(6);
});

it('it is not known any more when events were lost, and when it is below a directory that was moved', async () => {
  let lose: () => void = () => undefined;
  const { path, guest, made } = await makeDirectory((at) => {
    const provider = new RealFSProvider(at);
    const listen = vi.spyOn(provider.changes, 'listen');
    lose = () => listen.mock.calls[0]?.[0](null);
    return provider;
  });
  await guest.make(made, 'below', 'directory');
  const below = await guest.lookup(made, 'below');
  expect(guest.whole.has(below)).toBe(true);
  renameSync(path, `${path}-moved`);
  await expect.poll(() => guest.whole.size, soon).toBe(0);
  await guest.make(below, 'third', 'directory');
  const third = await guest.lookup(below, 'third');
  expect([...guest.whole.keys()]).toEqual([third]);
  lose();
  await expect.poll(() => guest.whole.size, soon).toBe(0);
});

it('a directory in which somebody has made a file before the reply is not told', async () => {
  class Raced extends RealFSProvider {
    override makeDirectory(...args: Parameters<RealFSProvider['makeDirectory']>) {
      const node = super.makeDirectory(...args);
      writeFileSync(join(path, 'made/theirs'), '');
      return node;
    }
  }
  let path = '';
  const { guest } = await makeDirectory((at) => {
    path = at;
    return new Raced(at);
  });
  expect(guest.whole.size).toBe(0);
});

it('directories of other providers, of a class with its own lookup, and those with file watchers are not told', async () => {
  class Own extends RealFSProvider {
    override lookup(...args: Parameters<RealFSProvider['lookup']>) {
      return super.lookup(...args);
    }
  }
  const others: ((path: string) => VfsProvider)[] = [
    () => new MemoryProvider(),
    (path) => new OverlayProvider(new MemoryProvider(), new RealFSProvider(path)),
    (path) => new Own(path),
  ];
  for (const other of others) expect((await makeDirectory(other)).guest.whole.size).toBe(0);
  const { client, guest, root, made } = await makeDirectory();
  client.server.watch(() => undefined);
  await guest.make(root, 'second', 'directory');
  expect([...guest.whole.keys()]).toEqual([made]);
});

it('where upper and lower case are the same, or where that is not known, directories are not told', async () => {
  let { changes } = new RealFSProvider('.');
  const { guest, root, made } = await makeDirectory((at) => {
    const provider = new RealFSProvider(at);
    changes = provider.changes;
    return provider;
  });
  await guest.make(root, '2026', 'directory');
  expect([...guest.whole.keys()]).toEqual([made]);
  const current = changes.current.bind(changes);
  vi.spyOn(changes, 'current').mockImplementation((directory, name) =>
    current(directory, name.toLowerCase()),
  );
  await guest.make(root, 'other', 'directory');
  expect([...guest.whole.keys()]).toEqual([made]);
});

it('a name made in another mount of the same directory is seen before the reply', async () => {
  const real = (path: string) => new RealFSProvider(path);
  const { client, guest, made } = await makeDirectory(real, real);
  const other = await client.walk('m1/made');
  expect(other).not.toBe(made);
  await client.mkdir(other, 'name');
  expect(guest.whole.has(made)).toBe(false);
});

it('the requests that repeat an edit of the host make no name and no directory known', async () => {
  const { path, client, guest, made } = await makeDirectory();
  mkdirSync(join(path, 'theirs'));
  const edit = () => client.edits.find((one) => one.path === 'm0/made/theirs');
  await expect.poll(edit, soon).toBeDefined();
  client.caller = { uid: EDITOR_UID, gid: edit()?.token ?? 0 };
  expect((await client.request(OPCODE.LOOKUP, made, client.name('theirs'))).status).toBe('ENOENT');
  expect((await client.mkdir(made, 'theirs')).status).toBe('ok');
  expect(guest.whole.size).toBe(0);
});
