import { appendFileSync, chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { VfsHooks } from '../../../src/vfs/hooks/vfs-hooks.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient, type WrittenFile } from '../../fixtures/fuse-client.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

const ATTRIBUTES = 1;
const DATA = 2;

/** A file `f` that the guest has made, and what the host says of it with WRITEs. */
async function makeFile(hooks?: VfsHooks) {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-written-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const more = hooks === undefined ? {} : { hooks };
  const provider = new RealFSProvider(directory);
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

it('of a new file it gets that with the first WRITE when it read back the one before, until it does not use it', async () => {
  const { client, id, handle, write, said } = await makeFile();
  await write('content');
  await client.stat(id);
  await client.read(id, handle, 0, 4096);
  const writeNew = async (name: string) => {
    said.length = 0;
    const made = await client.create(await client.walk('m'), name);
    for (const offset of [0, 1, 2])
      await client.write(made.id, made.handle, offset, Buffer.from('x'));
    return said.map(({ content }) => content);
  };
  expect(await writeNew('second')).toEqual(['x', 'xx']);
  expect(await writeNew('third')).toEqual([]);
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
