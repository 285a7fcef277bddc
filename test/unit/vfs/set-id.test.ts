import { expect, it, onTestFinished } from 'vitest';
import { FATTR, OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const O_WRONLY = 1;
const O_TRUNC = 0o1000;
const REGULAR = 0o100000;

async function serve(mode: number) {
  const files = new MemoryProvider();
  files.writeFile('tool', 'content');
  const client = await FuseClient.start(files);
  onTestFinished(() => client.server.close());
  const id = await client.walk('m/tool');
  await client.setattr(id, { mode });
  const modeNow = async () => (await client.stat(id)).mode - REGULAR;
  return { client, id, modeNow };
}

/** A WRITE with its flags, as Linux sends it. */
function writeOf(handle: bigint, flags: number): Buffer {
  const body = Buffer.alloc(41);
  body.writeBigUInt64LE(handle, 0);
  body.writeUInt32LE(1, 16);
  body.writeUInt32LE(flags, 20);
  return body;
}

it.each([
  ['a program of a user', 4, 0o755],
  ['a program of root', 0, 0o6755],
])('a write by %s leaves the set-id bits that Linux leaves', async (_who, flags, left) => {
  const { client, id, modeNow } = await serve(0o6755);
  const opened = await client.request(OPCODE.OPEN, id, client.numbers(O_WRONLY, 0));
  const handle = opened.body.readBigUInt64LE(0);
  await client.request(OPCODE.WRITE, id, writeOf(handle, flags));
  expect(await modeNow()).toBe(left);
});

it.each([
  [1, 0o755],
  [0, 0o6755],
])('an open that truncates clears set-id bits when told to: %i', async (flags, left) => {
  const { client, id, modeNow } = await serve(0o6755);
  await client.request(OPCODE.OPEN, id, client.numbers(O_WRONLY | O_TRUNC, flags));
  expect(await modeNow()).toBe(left);
});

it('a new owner clears set-id bits, and leaves set-group-id of a file that its group cannot execute', async () => {
  const { client, id, modeNow } = await serve(0o6744);
  await client.setattr(id, { uid: 7 });
  expect(await modeNow()).toBe(0o2744);
  await client.setattr(id, { uid: 8, mode: 0o4755 });
  expect(await modeNow()).toBe(0o4755);
});

it.each([
  [FATTR.SIZE | FATTR.KILL_SUIDGID, 0o755],
  [FATTR.SIZE, 0o6755],
  [FATTR.ATIME, 0o6755],
  [0, 0o755],
])(
  'SETATTR of a size clears set-id bits when told to, and one of nothing does: %i',
  async (valid, left) => {
    const { client, id, modeNow } = await serve(0o6755);
    const body = Buffer.alloc(88);
    body.writeUInt32LE(valid, 0);
    await client.request(OPCODE.SETATTR, id, body);
    expect(await modeNow()).toBe(left);
  },
);

it('a directory keeps its set-group-id bit when it gets another owner', async () => {
  const files = new MemoryProvider();
  files.mkdir('shared');
  const client = await FuseClient.start(files);
  onTestFinished(() => client.server.close());
  const id = await client.walk('m/shared');
  await client.setattr(id, { mode: 0o2775 });
  await client.setattr(id, { uid: 7, gid: 7 });
  expect((await client.stat(id)).mode & 0o7777).toBe(0o2775);
});
