import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { HostileKernel, OUTSIDE } from '../../fixtures/hostile-kernel.ts';
import { describeTree, makeRacedTrees, startRacer, stopRacer } from '../../fixtures/raced-trees.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const IS_ALL = process.env['GONDOLIN_ALL_ATTACKS'] === '1';
const DURATION_MS = 60_000;
const REQUESTS = 600;
it('a guest whose root races the host with any requests gets no byte, name or attribute from outside of its mount', {
  timeout: DURATION_MS + 60_000,
}, async () => {
  const { shared, outside } = makeRacedTrees(temporaryDirectory());
  const before = describeTree(outside);
  const client = await FuseClient.start(new RealFSProvider(shared));
  onTestFinished(() => client.server.close());
  const racer = await startRacer(shared, outside);
  const kernel = new HostileKernel(client, await client.walk('m'), outside);
  const endMs = performance.now() + DURATION_MS;
  await kernel.run((sent) => (IS_ALL ? performance.now() > endMs : sent >= REQUESTS));
  const changes = await stopRacer(racer);
  expect(kernel.leaks).toEqual([]);
  expect(describeTree(outside)).toEqual(before);
  expect(readFileSync(join(outside, 'file'), 'utf8')).toContain(OUTSIDE.text);
  expect(readlinkSync(join(outside, 'link'))).toBe(OUTSIDE.text);
  const served = [...kernel.served.values()].reduce((sum, count) => sum + count, 0);
  // Both sides did race.
  expect(changes).toBeGreaterThan(100);
  expect(served).toBeGreaterThan(50);
  if (IS_ALL) expect([...kernel.served.keys()]).toEqual(expect.arrayContaining(KINDS));
  process.stderr.write(`${served} requests were served while the host made ${changes} changes\n`);
});

const KINDS = ['attributes', 'list', 'lookup', 'open', 'read', 'readLink', 'rename', 'write'];
