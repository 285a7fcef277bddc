import {
  appendFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

async function serve(provider: RealFSProvider | ReadonlyProvider) {
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

async function contentOf(client: FuseClient, id: number): Promise<string> {
  const handle = await client.open(id, 0);
  const { body } = await client.read(id, handle, 0, 1000);
  await client.release(id, handle);
  return body.toString();
}

/** What an editor does: a new file in the place of the old one. */
function save(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

it.each([
  ['RealFSProvider', (path: string) => new RealFSProvider(path)],
  ['ReadonlyProvider', (path: string) => new ReadonlyProvider(path)],
])('a volume of one file follows an editor that saves by a rename: %s', async (_, make) => {
  const path = join(temporaryDirectory(), 'app.conf');
  writeFileSync(path, 'old\n');
  const { client, root } = await serve(make(path));
  const before = await client.open(root, 0);
  save(path, 'longer and new\n');
  const { ino } = statSync(path, { bigint: true });
  expect(await client.stat(root)).toMatchObject({ size: 15, mode: 0o100644, ino });
  expect(await contentOf(client, root)).toBe('longer and new\n');
  expect((await client.read(root, before, 0, 100)).body.toString()).toBe('old\n');
  for (let version = 0; version < 3; version++) {
    save(path, `version ${version}\n`);
    expect(await contentOf(client, root)).toBe(`version ${version}\n`);
  }
});

it('writes and attributes of a volume of one file go to the file that has the name now', async () => {
  const path = join(temporaryDirectory(), 'app.conf');
  writeFileSync(path, 'old\n');
  const { client, root } = await serve(new RealFSProvider(path));
  save(path, 'new\n');
  expect((await client.setattr(root, { mode: 0o600 })).status).toBe('ok');
  const handle = await client.open(root, 0o1);
  await client.write(root, handle, 4, Buffer.from('and more\n'));
  expect(readFileSync(path, 'utf8')).toBe('new\nand more\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('a volume of one file is led to no link or directory, and stays while there is no file', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'app.conf');
  const secret = join(temporaryDirectory(), 'secret');
  writeFileSync(secret, 'secret');
  writeFileSync(path, 'old\n');
  const { client, root } = await serve(new RealFSProvider(path));
  const descriptors = readdirSync('/proc/self/fd').length;
  unlinkSync(path);
  expect(await contentOf(client, root)).toBe('old\n');
  symlinkSync(secret, path);
  expect(await contentOf(client, root)).toBe('old\n');
  unlinkSync(path);
  mkdirSync(path);
  expect(await contentOf(client, root)).toBe('old\n');
  rmSync(path, { recursive: true });
  writeFileSync(path, 'new\n');
  expect(await contentOf(client, root)).toBe('new\n');
  expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
});

it('a protected file stays protected as a volume when an editor replaces it', async () => {
  const path = join(temporaryDirectory(), 'gondolin.yaml');
  writeFileSync(path, 'old\n');
  const { client, root } = await serve(new RealFSProvider(path, { readonlyPaths: [path] }));
  save(path, 'new\n');
  expect(await contentOf(client, root)).toBe('new\n');
  await expect(client.open(root, 0o2)).rejects.toThrow('EPERM');
});

/** Time passes for what is looked at once a second. */
function fakeTime(): { pass(): void } {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  return { pass: () => void vi.advanceTimersByTime(1_001) };
}

it('a directory that the host moves out of the volume is out of reach within a second', async () => {
  const time = fakeTime();
  const [directory, outside] = [temporaryDirectory(), temporaryDirectory()];
  mkdirSync(join(directory, 'd/below'), { recursive: true });
  writeFileSync(join(directory, 'd/below/file'), 'inside');
  const { client, root } = await serve(new RealFSProvider(directory));
  const [d, below] = [await client.walk('m/d'), await client.walk('m/d/below')];
  const file = await client.walk('m/d/below/file');
  renameSync(join(directory, 'd'), join(outside, 'd'));
  writeFileSync(join(outside, 'd/below/secret'), 'secret');
  time.pass();
  for (const id of [d, below, file]) {
    expect((await client.request(3, id, Buffer.alloc(16))).status).toBe('ESTALE');
  }
  await expect(client.open(file, 0)).rejects.toThrow('ESTALE');
  await expect(client.create(below, 'new')).rejects.toThrow('ESTALE');
  const looked = await client.request(1, below, client.name('secret'));
  expect(looked.status).toBe('ESTALE');
  expect((await client.rename(below, 'secret', root, 'taken')).status).toBe('ESTALE');
  renameSync(join(outside, 'd'), join(directory, 'back'));
  time.pass();
  expect(await contentOf(client, file)).toBe('inside');
});

it('what the guest has open, a renamed directory and a file with another name stay in reach', async () => {
  const time = fakeTime();
  const [directory, outside] = [temporaryDirectory(), temporaryDirectory()];
  mkdirSync(join(directory, 'd'));
  for (const name of ['d/file', 'log', 'two']) writeFileSync(join(directory, name), name);
  const { client } = await serve(new RealFSProvider(directory));
  const [file, log, two] = [
    await client.walk('m/d/file'),
    await client.walk('m/log'),
    await client.walk('m/two'),
  ];
  const handle = await client.open(log, 0o2001);
  renameSync(join(directory, 'd'), join(directory, 'renamed'));
  renameSync(join(directory, 'log'), join(outside, 'log'));
  renameSync(join(directory, 'two'), join(outside, 'two'));
  linkSync(join(outside, 'two'), join(directory, 'again'));
  expect(await client.walk('m/again')).toBe(two);
  time.pass();
  expect(await contentOf(client, file)).toBe('d/file');
  expect(await contentOf(client, two)).toBe('two');
  await client.write(log, handle, 0, Buffer.from(' goes on'));
  expect((await client.stat(log)).size).toBe(11);
  time.pass();
  expect(await contentOf(client, two)).toBe('two');
  appendFileSync(join(directory, 'again'), '!');
});

it('a volume keeps working when the host renames its own directory', async () => {
  const time = fakeTime();
  const parent = temporaryDirectory();
  mkdirSync(join(parent, 'project/src'), { recursive: true });
  const { client } = await serve(new RealFSProvider(join(parent, 'project')));
  const src = await client.walk('m/src');
  renameSync(join(parent, 'project'), join(parent, 'other'));
  time.pass();
  await client.create(src, 'file');
  expect(readdirSync(join(parent, 'other/src'))).toEqual(['file']);
});

const FOPEN_KEEP_CACHE = 2;

/** Flags of the reply to an open that concern the page cache. */
async function openReplyFlags(client: FuseClient, id: number): Promise<number> {
  const { status, body } = await client.request(OPCODE.OPEN, id, client.numbers(0, 0));
  expect(status).toBe('ok');
  await client.release(id, body.readBigUInt64LE(0));
  const FOPEN_NOFLUSH = 32;
  return body.readUInt32LE(8) & ~FOPEN_NOFLUSH;
}

it('an open keeps cached data while the file did not change, also when a host edit keeps size and time', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const path = join(temporaryDirectory(), 'file');
  const write = (text: string) => {
    writeFileSync(path, text);
    utimesSync(path, 1_000_000, 1_000_000);
  };
  write('old');
  const { client, root } = await serve(new RealFSProvider(path));
  const later = () => vi.setSystemTime(Date.now() + 10_000);
  later();
  expect(await openReplyFlags(client, root)).toBe(0);
  expect(await openReplyFlags(client, root)).toBe(FOPEN_KEEP_CACHE);
  write('new');
  expect(await client.stat(root)).toMatchObject({ size: 3, mtimeNs: 1_000_000_000_000_000n });
  later();
  expect(await openReplyFlags(client, root)).toBe(0);
  expect(await openReplyFlags(client, root)).toBe(FOPEN_KEEP_CACHE);
  const handle = await client.open(root, 0o1);
  await client.write(root, handle, 0, Buffer.from('own'));
  expect(await openReplyFlags(client, root)).toBe(0);
});

it('an open keeps no data of a file that changed so lately that a second change could leave the same time', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, 'old');
  vi.setSystemTime(Number(statSync(path, { bigint: true }).ctimeNs / 1_000_000n) + 5);
  const { client, root } = await serve(new RealFSProvider(path));
  expect(await openReplyFlags(client, root)).toBe(0);
  expect(await openReplyFlags(client, root)).toBe(0);
});
