import { appendFileSync, chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { VfsHooks } from '../../../src/vfs/hooks/vfs-hooks.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient, type NewFile, type WrittenFile } from '../../fixtures/fuse-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const ATTRIBUTES = 1;
const DATA = 2;
const O_RDWR = 0o2;
/** Flag of struct fuse_open_out. */
const NOFLUSH = 32;

/** A file `f` that the guest has made, and what the host says of it with WRITEs. */
async function makeFile(hooks?: VfsHooks, Provider = RealFSProvider) {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-written-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const more = hooks === undefined ? {} : { hooks };
  const provider = new Provider(directory);
  const client = await FuseClient.start(provider, undefined, undefined, more);
  cleanups.push(() => client.server.close());
  const { id, handle } = await client.create(await client.walk('m'), 'f');
  const said: WrittenFile[] = [];
  client.onWritten = (file) => said.push(file);
  const write = (text: string, used = 0, offset = 0) =>
    client.write(id, handle, offset, Buffer.from(text), 0, used);
  return { directory, client, id, handle, said, write };
}

const sizeOf = ({ attributes }: WrittenFile) => Number(attributes.readBigUInt64LE(24));

it('a guest that only writes is told nothing more', async () => {
  const { write, said } = await makeFile();
  for (const text of ['one', 'two', 'three']) await write(text);
  expect(said).toEqual([]);
});

it('a guest that asked for attributes after a WRITE gets them with the next one, until it does not use them', async () => {
  const { client, id, write, said } = await makeFile();
  await write('one');
  await client.stat(id);
  await write('three');
  expect(said.map((file) => [file.id, sizeOf(file), file.content])).toEqual([[id, 5, null]]);
  await write('longer', ATTRIBUTES);
  await write('unused');
  expect(said.map(sizeOf)).toEqual([5, 6, 6]);
  await write('again');
  await write('and again');
  expect(said).toHaveLength(3);
});

it('a guest that read back what it wrote gets the whole file with the next WRITE, until it does not use it', async () => {
  const { client, id, handle, write, said } = await makeFile();
  await write('content');
  await client.stat(id);
  await client.read(id, handle, 0, 4096);
  await write('C');
  await write('!', ATTRIBUTES | DATA, 7);
  await write('?', ATTRIBUTES, 8);
  await write('.', ATTRIBUTES, 9);
  const contents = said.map(({ content }) => content);
  expect(contents).toEqual(['Content', 'Content!', 'Content!?', null]);
});

/** Makes a guest read back what it writes to a new file. Returns the names of the new files whose data may wait there from then on. */
async function readBack({ client, id, handle, write }: Awaited<ReturnType<typeof makeFile>>) {
  await write('content');
  await client.stat(id);
  await client.read(id, handle, 0, 4096);
  const waiting: string[] = [];
  client.onNewFile = ({ name }) => waiting.push(name);
  return waiting;
}

it('when it read back what it wrote to a new file, the data of the next ones may wait in the guest, until that is of no use', async () => {
  const file = await makeFile();
  const { client, said } = file;
  const top = await client.walk('m');
  const waiting = await readBack(file);
  const writeNew = async (name: string, used: number) => {
    const made = await client.create(top, name);
    await client.write(made.id, made.handle, 0, Buffer.from('x'), 0, used);
  };
  await writeNew('second', ATTRIBUTES | DATA);
  await writeNew('third', 0);
  await writeNew('fourth', ATTRIBUTES);
  expect(waiting).toEqual(['second', 'third', 'fourth']);
  await writeNew('fifth', 0);
  await writeNew('sixth', 0);
  await writeNew('seventh', 0);
  expect(waiting).toEqual(['second', 'third', 'fourth', 'fifth', 'sixth']);
  expect(said).toEqual([]);
});

it('a new file whose data may wait comes with its directory, its handle and its attributes, and a close of it is told', async () => {
  const file = await makeFile();
  const { client, directory } = file;
  const top = await client.walk('m');
  await readBack(file);
  const seen: NewFile[] = [];
  client.onNewFile = (made) => seen.push(made);
  const { id, handle, openFlags } = await client.create(top, 'sec\u{e9}nd');
  const attributes = seen[0]?.attributes as Buffer;
  expect(seen).toMatchObject([{ id, handle, directory: top, name: 'sec\u{e9}nd' }]);
  const path = join(directory, 'sec\u{e9}nd');
  expect(attributes.readBigUInt64LE(0)).toBe(statSync(path, { bigint: true }).ino);
  expect(attributes.readBigUInt64LE(8)).toBe(0n);
  expect(openFlags & NOFLUSH).toBe(0);
  expect((await client.create(top, 'written', 0o644, 0o1)).openFlags & NOFLUSH).toBe(NOFLUSH);
});

it('the data of a new file never waits when it is opened to append or to write through, or has data already', async () => {
  const file = await makeFile();
  const { client, directory } = file;
  const top = await client.walk('m');
  const waiting = await readBack(file);
  writeFileSync(join(directory, 'old'), 'x');
  await client.create(top, 'old', 0o644, O_RDWR);
  const more = {
    append: 0o2000,
    data: 0o10000,
    direct: 0o40000,
    armDirect: 0o200000,
    sync: 0o4010000,
  };
  for (const [name, flags] of Object.entries(more)) {
    await client.create(top, name, 0o644, O_RDWR | flags).catch(() => undefined);
  }
  await client.create(top, 'only written', 0o644, 0o1);
  expect(waiting).toEqual([]);
});

it('the data of a new file does not wait when the file system is nearly full', async () => {
  let availableBlocks = 0;
  class Full extends RealFSProvider {
    override status() {
      return { ...super.status(), blockSizeBytes: 4096, availableBlocks };
    }
  }
  const file = await makeFile(undefined, Full);
  const top = await file.client.walk('m');
  const waiting = await readBack(file);
  for (const blocks of [0, 16 * 1024 - 1, 16 * 1024]) {
    availableBlocks = blocks;
    await file.client.create(top, `at ${blocks}`);
  }
  expect(waiting).toEqual(['at 16384']);
});

it('contents above 16 KiB, and those of a handle that did not read, are not sent', async () => {
  const { client, id, handle, write, said } = await makeFile();
  await write('x'.repeat(16 * 1024));
  await client.stat(id);
  await client.read(id, handle, 0, 4096);
  await write('y');
  const other = await client.open(id, 0o1);
  await client.write(id, other, 0, Buffer.from('z'), 0, ATTRIBUTES | DATA);
  await write('more', ATTRIBUTES, 16 * 1024);
  expect(said.map(({ content }) => content?.length ?? 0)).toEqual([16 * 1024, 0, 0]);
});

it('after an edit of the host the guest is told the present state', async () => {
  const { directory, client, id, handle, write, said } = await makeFile();
  await write('ours');
  await client.stat(id);
  await client.read(id, handle, 0, 4096);
  writeFileSync(join(directory, 'f'), 'theirs');
  appendFileSync(join(directory, 'f'), '!');
  await write('O');
  expect(said.map((file) => [sizeOf(file), file.content])).toEqual([[7, 'Oheirs!']]);
});

it('a guest that asks for a directory after changes of its names gets its attributes with the next ones, until it stops asking', async () => {
  const { directory, client, said } = await makeFile();
  const top = await client.walk('m');
  expect(said).toEqual([]);
  await client.stat(top);
  for (let index = 0; index < 20; index++) await client.symlink(top, `link${index}`, 'f');
  expect(said.map(({ id, content }) => [id, content])).toEqual(Array(16).fill([top, null]));
  await client.stat(top);
  await client.unlink(top, 'link0');
  expect(said.at(-1)?.attributes.subarray(0, 88)).not.toEqual(said[0]?.attributes.subarray(0, 88));
  const { mtimeNs } = statSync(directory, { bigint: true });
  const attributes = said.at(-1)?.attributes as Buffer;
  expect(attributes.readBigUInt64LE(48)).toBe(mtimeNs / 1_000_000_000n);
  expect(BigInt(attributes.readUInt32LE(68))).toBe(mtimeNs % 1_000_000_000n);
});

it('a directory that the host changes as well is not among them', async () => {
  const { directory, client, said } = await makeFile();
  const top = await client.walk('m');
  await client.stat(top);
  await client.create(top, 'two');
  expect(said).toHaveLength(1);
  chmodSync(directory, 0o700);
  await client.create(top, 'three');
  expect(said).toHaveLength(1);
});

it('with hooks the guest asks for everything', async () => {
  const { client, id, handle, write, said } = await makeFile({ before: () => undefined });
  for (const text of ['one', 'two', 'three']) {
    await write(text);
    await client.stat(id);
    await client.read(id, handle, 0, 4096);
  }
  expect(said).toEqual([]);
});
