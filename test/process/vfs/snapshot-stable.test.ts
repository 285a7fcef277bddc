import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';

const NAMES = ['a', 'b', 'c'];

interface Guest {
  readonly client: FuseClient;
  cwd: number;
}

function forgetMessage(id: number): Buffer {
  const message = Buffer.alloc(48);
  message.writeUInt32LE(48, 0);
  message.writeUInt32LE(2, 4);
  message.writeBigUInt64LE(BigInt(id), 16);
  message.writeBigUInt64LE(2n, 40);
  return message;
}

async function find({ client, cwd }: Guest, name: string): Promise<number | null> {
  const { status, body } = await client.request(1, cwd, client.name(name));
  return status === 'ok' ? Number(body.readBigUInt64LE(0)) : null;
}

/** What a guest may do with two names in its directory; a step that fails there fails here as well. */
const STEPS: readonly ((guest: Guest, name: string, other: string) => Promise<unknown>)[] = [
  ({ client, cwd }, name) => client.create(cwd, name).catch(String),
  ({ client, cwd }, name) => client.create(cwd, name, 0o600, 0o2001).catch(String),
  ({ client, cwd }, name) => client.mkdir(cwd, name),
  ({ client, cwd }, name, other) => client.rename(cwd, name, cwd, other),
  ({ client, cwd }, name) => client.unlink(cwd, name),
  ({ client, cwd }) => client.request(27, cwd, client.numbers(0, 0)),
  async (guest, name) => {
    guest.cwd = (await find(guest, name)) ?? guest.cwd;
  },
  async (guest, name, other) => {
    const id = await find(guest, name);
    if (id !== null) await guest.client.link(id, guest.cwd, other);
  },
  async (guest, name) => {
    const id = await find(guest, name);
    if (id !== null) guest.client.raw(forgetMessage(id));
    await guest.client.stat(1);
  },
];
const step = fc.tuple(
  fc.constantFrom(...STEPS),
  fc.constantFrom(...NAMES),
  fc.constantFrom(...NAMES),
);

async function save(client: FuseClient): Promise<unknown> {
  await client.server.quiesce();
  const state: unknown = JSON.parse(JSON.stringify(await client.server.exportState()));
  await client.server.close();
  return state;
}

it.each([
  ['RealFSProvider', (directory: string): VfsProvider => new RealFSProvider(directory)],
  ['MemoryProvider', (): VfsProvider => new MemoryProvider()],
])('%s: what a restored server saves is what it was restored from', async (_name, make) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const directory = mkdtempSync(join(tmpdir(), 'gondolin-stable-'));
      try {
        const user = { uid: 0, gid: 0 };
        const first = await FuseClient.start(make(directory), user);
        const guest = { client: first, cwd: await first.walk('m') };
        for (const [act, name, other] of steps) await act(guest, name, other);
        // Files without a name end with the first host process: from then on nothing may change.
        const second = await FuseClient.start(make(directory), user, await save(first));
        const saved = await save(second);
        const third = await FuseClient.start(make(directory), user, saved);
        expect(await save(third)).toEqual(saved);
        expect(third.invalidated).toEqual([]);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }),
    { numRuns: IS_FULL_LOAD ? 25 : 12 },
  );
});
