import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { TurnQueue } from '../../../src/util/turn-scheduler.ts';
import { FILE_TURNS } from '../../../src/vfs/bounds/limits.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { Attributes } from '../../../src/vfs/provider.ts';
import { VfsError } from '../../../src/vfs/vfs-error.ts';
import { DirectoryReader } from '../../fixtures/directory-reader.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

/** Each look at a file takes a whole slice, by a clock that nothing else moves. */
class Slow extends MemoryProvider {
  looks = 0;
  override attributes(node: object): Attributes {
    this.looks++;
    vi.advanceTimersByTime(1);
    return super.attributes(node as never);
  }
}

async function start(provider: MemoryProvider) {
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

async function holdClock(): Promise<void> {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  // A slice that began by the real clock is over.
  for (let turns = 0; turns < 3; turns++) await turn();
}

/** Most looks in one turn of the event loop until `work` settles. */
async function mostPerTurn(provider: Slow, work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const settled = work.finally(() => {
    isDone = true;
  });
  let most = 0;
  while (!isDone) {
    const before = provider.looks;
    await turn();
    most = Math.max(most, provider.looks - before);
  }
  await settled;
  return most;
}

it('READDIRPLUS requests of many entries let the event loop turn after each slice', async () => {
  const provider = new Slow();
  for (let index = 0; index < 150; index++) provider.writeFile(`file-${index}`, '');
  await holdClock();
  const { client, root } = await start(provider);
  const reader = new DirectoryReader(client);
  const handle = await reader.open(root);
  await reader.read(root, handle);
  const how = { offset: 2n, sizeBytes: 2 ** 20, isPlus: true };
  const bombs = Promise.all(Array.from({ length: 5 }, () => reader.read(root, handle, how)));
  // A look that begins just before its slice ends, and what arrives meanwhile, may share a turn.
  expect(await mostPerTurn(provider, bombs)).toBeLessThanOrEqual(8);
  for (const page of await bombs) expect(page).toHaveLength(150);
});

it("a guest's flood delays another guest's request by a few turns, however long it is", async () => {
  const [flooding, quiet] = [new Slow(), new Slow()];
  await holdClock();
  const flood = await start(flooding);
  const other = await start(quiet);
  const replies = Array.from({ length: 300 }, () =>
    flood.client.request(OPCODE.GETATTR, flood.root, Buffer.alloc(16)),
  );
  for (let turns = 0; turns < 3; turns++) await turn();
  const before = flooding.looks;
  await other.client.stat(other.root);
  expect(flooding.looks - before).toBeLessThanOrEqual(8);
  expect(before).toBeLessThan(100);
  await Promise.all(replies);
});

it('TurnQueue.close() cancels the jobs that wait and those added later', async () => {
  await holdClock();
  const closing = new TurnQueue(FILE_TURNS);
  const ran: string[] = [];
  const other = new TurnQueue(FILE_TURNS);
  void other.next().then(() => ran.push('other'));
  const waiting = closing.next();
  closing.run(() => ran.push('job'));
  closing.close(new VfsError('EIO'));
  await expect(waiting).rejects.toMatchObject({ errno: 5 });
  await expect(closing.next()).rejects.toMatchObject({ errno: 5 });
  for (let turns = 0; turns < 4; turns++) await turn();
  expect(ran).toEqual(['other']);
});
