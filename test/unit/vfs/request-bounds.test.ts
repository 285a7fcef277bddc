import { setImmediate as turn } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { MAX_REQUESTS_UNDER_WAY } from '../../../src/vfs/bounds/limits.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { Attributes } from '../../../src/vfs/provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const MIB = 2 ** 20;
const PER_VM_BYTES = 8 * MIB;
const GETATTR_REPLY_BYTES = 120;

async function start(provider = new MemoryProvider()) {
  provider.writeFile('file', Buffer.alloc(MIB, 7));
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  return { client, id: await client.walk('m/file') };
}

/** Lets everything happen that can happen now. */
async function turns(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await turn();
}

it('a guest that sends READs and reads no reply makes the host hold no more than its budget', async () => {
  const { client, id } = await start();
  const handle = await client.open(id, 0);
  client.stopReading();
  const replies = Array.from({ length: 200 }, () => client.read(id, handle, 0, MIB));
  await turns(100);
  expect(client.queuedBytes).toBeGreaterThan(MIB);
  expect(client.queuedBytes).toBeLessThanOrEqual(PER_VM_BYTES);
  client.readAgain();
  for (const { status, body } of await Promise.all(replies)) {
    expect([status, body.length]).toEqual(['ok', MIB]);
  }
  await turns(2);
  expect(client.server.load).toMatchObject({ requests: 0, bytes: 0 });
});

it('a READ of a handle that is not open takes nothing of the budget', async () => {
  const { client, id } = await start();
  client.stopReading();
  const forged = Array.from({ length: 100 }, () => client.read(id, 999n, 0, MIB));
  await turns(20);
  expect(client.server.load.bytes).toBeLessThanOrEqual(100 * 80);
  client.readAgain();
  expect(new Set((await Promise.all(forged)).map(({ status }) => status))).toEqual(
    new Set(['EBADF']),
  );
});

it('small requests whose replies are not read are taken up to a number, then the channel is not read', async () => {
  const { client, id } = await start();
  client.stopReading();
  const replies = Array.from({ length: 5_000 }, () =>
    client.request(OPCODE.GETATTR, id, Buffer.alloc(16)),
  );
  await turns(200);
  expect(client.server.load.requests).toBe(MAX_REQUESTS_UNDER_WAY);
  expect(client.queuedBytes).toBeLessThanOrEqual(MAX_REQUESTS_UNDER_WAY * GETATTR_REPLY_BYTES);
  client.readAgain();
  expect(new Set((await Promise.all(replies)).map(({ status }) => status))).toEqual(
    new Set(['ok']),
  );
});

it('WRITEs that a provider does not finish are taken up to the budget of their bytes', async () => {
  const unfinished: (() => void)[] = [];
  class Slow extends MemoryProvider {
    override write() {
      return new Promise<void>((resolve) => unfinished.push(resolve)) as unknown as undefined;
    }
  }
  const { client, id } = await start(new Slow());
  const handle = await client.open(id, 2);
  const replies = Array.from({ length: 40 }, () => client.write(id, handle, 0, Buffer.alloc(MIB)));
  await turns(100);
  expect(unfinished).toHaveLength(7);
  expect(client.server.load.bytes).toBeLessThanOrEqual(PER_VM_BYTES);
  let done = 0;
  for (const reply of replies) {
    await vi.waitUntil(() => unfinished.length > done);
    unfinished[done++]?.();
    expect((await reply).status).toBe('ok');
  }
});

it('the event loop turns after each slice of requests, whatever else waits in the channel', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  let served = 0;
  class Busy extends MemoryProvider {
    override attributes(node: object): Attributes {
      served++;
      vi.advanceTimersByTime(1);
      return super.attributes(node as never);
    }
  }
  const { client, id } = await start(new Busy());
  // A slice that began by the real clock is over.
  await turns(2);
  const replies = Array.from({ length: 400 }, () =>
    client.request(OPCODE.GETATTR, id, Buffer.alloc(16)),
  );
  const all = Promise.all(replies);
  let isDone = false;
  void all.then(() => {
    isDone = true;
  });
  const perTurn: number[] = [];
  while (!isDone) {
    const before = served;
    await turn();
    perTurn.push(served - before);
  }
  // Each takes a slice. What arrives and what waits may both be served in a turn, and a turn of ours can span two.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(4);
  expect(served).toBeGreaterThanOrEqual(400);
});

it('quiesce() gives up on a provider that hangs, and the guest continues after resume()', async () => {
  let answer: (() => void) | undefined;
  class Stuck extends MemoryProvider {
    override sync() {
      return new Promise<void>((resolve) => {
        answer = resolve;
      }) as unknown as undefined;
    }
  }
  const { client, id } = await start(new Stuck());
  const handle = await client.open(id, 0);
  const body = Buffer.alloc(16);
  body.writeBigUInt64LE(handle, 0);
  const synced = client.request(OPCODE.FSYNC, id, body);
  await turns(3);
  expect(await client.server.quiesce(1)).toBe(false);
  await expect(client.server.exportState()).rejects.toMatchObject({ code: 'SNAPSHOT_UNSUPPORTED' });
  client.server.resume();
  expect((await client.stat(id)).size).toBe(MIB);
  answer?.();
  expect((await synced).status).toBe('ok');
  expect(await client.server.quiesce()).toBe(true);
});

it('close() does not wait for a provider that never settles', async () => {
  class Stuck extends MemoryProvider {
    override release() {
      return new Promise<void>(() => undefined) as unknown as undefined;
    }
    override stop() {
      return new Promise<void>(() => undefined) as unknown as undefined;
    }
  }
  const { client, id } = await start(new Stuck());
  await client.open(id, 0);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const closed = client.server.close();
  for (let limit = 0; limit < 3; limit++) await vi.advanceTimersByTimeAsync(5_000);
  await closed;
});
