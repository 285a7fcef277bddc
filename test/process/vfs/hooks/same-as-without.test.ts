import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FIXED_BYTES, OPCODE } from '../../../../src/protocol/fuse/fuse-abi.ts';
import type { VfsHooks } from '../../../../src/vfs/hooks/vfs-hooks.ts';
import { MemoryProvider } from '../../../../src/vfs/memory-provider.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';

const NO_REPLY: readonly number[] = [OPCODE.FORGET, OPCODE.BATCH_FORGET, OPCODE.INTERRUPT];

/** Hooks of every kind that change nothing. */
const IDLE: VfsHooks = {
  before: async () => undefined,
  after: () => undefined,
  onRead: (_path, data) => data,
  onWrite: async (_path, data) => Buffer.from(data),
  beforeOpen: () => undefined,
  afterRead: async () => undefined,
  afterWrite: () => undefined,
  beforeClose: () => undefined,
};

/** Without hooks directories are not opened; with them listings have no attributes, so that the guest holds fewer nodes. */
const OTHERWISE: readonly number[] = [OPCODE.OPENDIR, OPCODE.READDIRPLUS];

/** A request of a hostile guest: small numbers, which are often right, then a name or bytes. */
const request = fc.record({
  opcode: fc.constantFrom(...Object.values(OPCODE).filter((one) => !OTHERWISE.includes(one))),
  nodeId: fc.nat(6),
  numbers: fc.array(fc.nat(4), { minLength: 11, maxLength: 22 }),
  tail: fc.oneof(
    fc.constantFrom('a\0', 'b\0', 'a\0b\0', 'c\0a\0', '..\0', ''),
    fc.string({ maxLength: 40 }),
  ),
});

type Sent = typeof request extends fc.Arbitrary<infer T> ? T : never;

function bodyOf({ opcode, numbers, tail }: Sent): Buffer {
  const fixed = Buffer.alloc(FIXED_BYTES[opcode] ?? 0);
  for (const [index, number] of numbers.entries()) {
    if (index * 4 + 4 <= fixed.length) fixed.writeUInt32LE(number, index * 4);
  }
  // 64-bit ids and offsets: their upper halves are 0 mostly.
  for (let at = 4; at + 4 <= fixed.length && opcode !== OPCODE.SETATTR; at += 8) {
    if ((numbers[at % numbers.length] ?? 0) > 0) fixed.writeUInt32LE(0, at);
  }
  return Buffer.concat([fixed, Buffer.from(tail, 'latin1')]);
}

/** The outcome of each request until the server is broken: `ok` or `refused`, with the bytes of the reply. */
async function serve(hooks: VfsHooks | undefined, requests: readonly Sent[]): Promise<string[]> {
  const files = new MemoryProvider();
  files.writeFile('a', 'content');
  files.writeFile('d/b', 'more');
  const more = hooks === undefined ? {} : { hooks };
  const client = await FuseClient.start(files, undefined, undefined, more);
  const broken = client.server.failed.then(({ code }) => code);
  const outcomes: string[] = [];
  const root = await client.walk('m');
  const { id } = await client.create(root, 'open');
  await client.open(id, 2);
  for (const one of requests) {
    const reply = client
      .request(one.opcode, one.nodeId, bodyOf(one))
      .then(({ status, body }) => (status === 'ok' ? `ok ${body.length}` : 'refused'));
    // Its server replies in order to one request at a time.
    const next = NO_REPLY.includes(one.opcode)
      ? client.request(OPCODE.GETATTR, 1, Buffer.alloc(16)).then(() => 'none')
      : reply;
    const outcome = await Promise.race([next, broken]);
    outcomes.push(outcome);
    if (outcome === 'GUEST_PROTOCOL') break;
  }
  await client.server.close();
  return outcomes;
}

it('whatever a guest asks, hooks that change nothing change nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 40, size: 'max' }), async (requests) => {
      expect(await serve(IDLE, requests)).toEqual(await serve(undefined, requests));
    }),
    { numRuns: 150 },
  );
});
