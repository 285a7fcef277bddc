import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { HostileKernel, OUTSIDE } from '../../fixtures/hostile-kernel.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const IS_ALL = process.env['GONDOLIN_ALL_ATTACKS'] === '1';
const DURATION_MS = 60_000;
const REQUESTS = 600;
const RACER = resolve(import.meta.dirname, '../../fixtures/tree-racer.ts');
const OLD_S = 1_000_000_000;

function makeTrees(base: string): { readonly shared: string; readonly outside: string } {
  const [shared, outside] = [join(base, 'shared'), join(base, 'outside')];
  for (const directory of ['directory', 'other', 'directory/inner']) {
    mkdirSync(join(shared, directory), { recursive: true });
    writeFileSync(join(shared, directory, 'file'), 'of the mount');
  }
  writeFileSync(join(shared, 'file'), 'of the mount');
  mkdirSync(join(outside, 'inner'), { recursive: true });
  // Also under the names that the guest knows.
  for (const name of ['file', 'moved', 'linked', 'inner/file', OUTSIDE.name]) {
    const path = join(outside, name);
    writeFileSync(path, OUTSIDE.text);
    truncateSync(path, Number(OUTSIDE.sizeBytes));
    utimesSync(path, OLD_S, OLD_S);
  }
  symlinkSync(OUTSIDE.text, join(outside, 'link'));
  utimesSync(outside, OLD_S, OLD_S);
  utimesSync(join(outside, 'inner'), OLD_S, OLD_S);
  return { shared, outside };
}

/** All that a change of the tree would change. */
function describeTree(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const path = join(directory, name);
      const { mode, size, nlink, mtimeMs, ctimeMs } = lstatSync(path);
      return [name, mode, size, nlink, mtimeMs, ctimeMs].join(' ');
    });
}

async function startRacer(shared: string, outside: string): Promise<ChildProcess> {
  const racer = spawn(process.execPath, ['--import', 'tsx', RACER, shared, outside], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void racer.kill('SIGKILL'));
  await once(racer.stdout, 'data');
  return racer;
}

async function stopRacer({ stdin, stdout }: ChildProcess): Promise<number> {
  let printed = '';
  stdout?.on('data', (text: Buffer) => {
    printed += text.toString();
  });
  stdin?.end();
  if (stdout !== null) await once(stdout, 'end');
  return Number(printed);
}

it('a guest whose root races the host with any requests gets no byte, name or attribute from outside of its mount', {
  timeout: DURATION_MS + 60_000,
}, async () => {
  const { shared, outside } = makeTrees(temporaryDirectory());
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
