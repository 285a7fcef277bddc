import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { IS_FULL_LOAD } from '../../../fixtures/full-load.ts';
import { FakeRegistry } from '../../../fixtures/oci/fake-registry.ts';
import { makeImage } from '../../../fixtures/oci/made-image.ts';
import { ociRecipe, pullImage } from '../../../fixtures/oci/pull-image.ts';
import { rawTar } from '../../../fixtures/oci/raw-tar.ts';
import { processesIn } from '../../../fixtures/processes-in.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const MOMENTS = IS_FULL_LOAD ? 20 : 1;
/** Pulls at once: a child waits for the disk and for the registry most of the time. */
const WORKERS = 3;
const CHUNK_BYTES = 32 * 1024;
const CHUNK_MS = 4;

const image = makeImage({
  layers: [1, 2, 3].map((number) =>
    rawTar(
      { name: `of/${number}`, content: randomBytes(300_000) },
      { name: 'last', content: `${number}` },
    ),
  ),
  compression: 'none',
});

/** A registry that sends its blobs slowly, and reports each piece. */
class SlowRegistry {
  readonly #registry: FakeRegistry;
  onPiece: () => void = () => undefined;
  sentBytes = 0;

  private constructor(registry: FakeRegistry) {
    this.#registry = registry;
    registry.fault = ({ url, headers }, response) => {
      const digest = /\/blobs\/(.*)$/.exec(url ?? '')?.[1] ?? '';
      const blob = image.blobs.get(digest);
      if (blob === undefined || !image.layers.includes(digest)) return false;
      const from = Number(/^bytes=([0-9]+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
      const range = { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` };
      response.writeHead(from === 0 ? 200 : 206, from === 0 ? {} : range);
      void this.#send(blob.subarray(from), response);
      return true;
    };
  }

  static async start(): Promise<SlowRegistry> {
    return new SlowRegistry(await FakeRegistry.start());
  }

  push(): string {
    return this.#registry.push(image, '1');
  }

  close(): Promise<void> {
    return this.#registry.close();
  }

  async #send(bytes: Buffer, response: import('node:http').ServerResponse): Promise<void> {
    for (let offset = 0; offset < bytes.length && !response.destroyed; offset += CHUNK_BYTES) {
      const piece = bytes.subarray(offset, offset + CHUNK_BYTES);
      response.write(piece);
      this.sentBytes += piece.length;
      this.onPiece();
      await wait(CHUNK_MS);
    }
    response.end();
  }
}

/** Pulls in a process that is killed at moment `killAt`: the pieces sent and the steps it says are counted. */
async function pullInChild(registry: SlowRegistry, directory: string, killAt: number) {
  const args = ['--import', 'tsx', 'test/fixtures/oci/puller.ts', directory, registry.push()];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let moments = 0;
  const count = () => {
    moments += 1;
    if (moments === killAt) child.kill('SIGKILL');
  };
  registry.onPiece = count;
  child.stdout?.on('data', (text: Buffer) => {
    for (const byte of text) if (byte === 0x0a) count();
  });
  const [code, signal] = await once(child, 'close');
  registry.onPiece = () => undefined;
  expect(signal === 'SIGKILL' || code === 0).toBe(true);
  return { moments, isKilled: signal === 'SIGKILL' };
}

const digestOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Bytes of layers that are on the disk, complete or not. */
function keptBytes(directory: string): number {
  const images = join(directory, 'cache/images');
  const sizes = image.layers.map((digest) => {
    const key = digest.slice('sha256:'.length);
    return Math.max(
      sizeOf(join(images, 'layer', key, 'blob')),
      sizeOf(join(images, 'partial', key)),
    );
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function killAndPullAgain(directory: string, killAt: number) {
  const registry = await SlowRegistry.start();
  try {
    const { isKilled } = await pullInChild(registry, directory, killAt);
    const kept = keptBytes(directory);
    const total = image.layers.reduce(
      (sum, digest) => sum + (image.blobs.get(digest)?.length ?? 0),
      0,
    );
    registry.sentBytes = 0;
    const { path } = await pullImage(directory, ociRecipe(registry.push()));
    expect(registry.sentBytes, `killed at ${killAt}`).toBeLessThanOrEqual(total - kept);
    return { path, isKilled };
  } finally {
    await registry.close();
  }
}

it(`a pull that is killed, at ${MOMENTS} moments of it, is completed by the next one, which asks for the rest only`, async () => {
  const base = temporaryDirectory();
  const whole = join(base, 'whole');
  const first = await SlowRegistry.start();
  onTestFinished(() => first.close());
  mkdirSync(whole);
  const { moments } = await pullInChild(first, whole, Infinity);
  const wanted = digestOf((await pullImage(whole, ociRecipe(first.push()))).path);
  const waiting = Array.from(
    { length: MOMENTS },
    (_, at) => 1 + Math.floor((at * moments) / MOMENTS),
  );
  let killed = 0;
  const work = async () => {
    for (let killAt = waiting.shift(); killAt !== undefined; killAt = waiting.shift()) {
      const directory = join(base, String(killAt));
      mkdirSync(directory);
      const { path, isKilled } = await killAndPullAgain(directory, killAt);
      killed += isKilled ? 1 : 0;
      expect(digestOf(path), `killed at ${killAt}`).toBe(wanted);
      const left = readdirSync(join(directory, 'cache/images'), {
        recursive: true,
        encoding: 'utf8',
      });
      expect(
        left.filter((name) => /tmp-|partial\//.test(name)),
        `killed at ${killAt}`,
      ).toEqual([]);
      await expect.poll(() => processesIn(directory), { timeout: 10_000 }).toEqual([]);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  // One that went faster than the first may end before its moment.
  expect(killed).toBeGreaterThanOrEqual(MOMENTS * 0.8);
}, 300_000);
