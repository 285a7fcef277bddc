import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { AlpineMirror, writeKeys } from '../../../fixtures/alpine/alpine-mirror.ts';
import { type BuiltPackage, buildPackage, makeKey } from '../../../fixtures/alpine/apk-package.ts';
import { baseSystem } from '../../../fixtures/alpine/base-system.ts';
import { ensureFromMirror } from '../../../fixtures/alpine/ensure-from-mirror.ts';
import { IS_FULL_LOAD } from '../../../fixtures/full-load.ts';
import { processesIn } from '../../../fixtures/processes-in.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const MOMENTS = IS_FULL_LOAD ? 20 : 1;
const PIECE_BYTES = 16 * 1024;
const PIECE_MS = 2;

const key = makeKey('tester@example.com-1.rsa.pub');
let packages: readonly BuiltPackage[];
beforeAll(() => {
  const hello = {
    ...{ name: 'hello', version: '1-r0', depends: ['alpine-baselayout', 'data'] },
    files: [{ name: 'usr/bin/hello', content: 'hi' }],
  };
  const data = {
    ...{ name: 'data', version: '2-r0' },
    files: [1, 2, 3].map((number) => ({ name: `srv/${number}`, content: randomBytes(100_000) })),
  };
  packages = [...baseSystem(), hello, data].map((spec) => buildPackage(spec, key));
});

/** A mirror that sends its packages slowly, and reports each piece. */
class SlowMirror {
  readonly mirror: AlpineMirror;
  onPiece: () => void = () => undefined;

  private constructor(mirror: AlpineMirror) {
    this.mirror = mirror;
    mirror.publish('main', packages, key);
    mirror.publish('community', [], key);
    mirror.fault = ({ url = '', headers }, response) => {
      const bytes = packages.find(({ file }) => url.endsWith(`/${file}`))?.bytes;
      if (bytes === undefined || headers.range !== undefined) return false;
      void this.#send(bytes, response);
      return true;
    };
  }

  static async start(): Promise<SlowMirror> {
    return new SlowMirror(await AlpineMirror.start());
  }

  async #send(bytes: Buffer, response: import('node:http').ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-length': bytes.length });
    for (let offset = 0; offset < bytes.length && !response.destroyed; offset += PIECE_BYTES) {
      response.write(bytes.subarray(offset, offset + PIECE_BYTES));
      this.onPiece();
      await wait(PIECE_MS);
    }
    response.end();
  }
}

/** Builds in a process that is killed at moment `killAt`: the pieces sent and the steps it says are counted. */
async function buildInChild(slow: SlowMirror, directory: string, killAt: number) {
  const args = ['--import', 'tsx', 'test/fixtures/alpine/builder.ts', directory, slow.mirror.url];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  let moments = 0;
  const count = () => {
    moments += 1;
    if (moments === killAt) child.kill('SIGKILL');
  };
  slow.onPiece = count;
  child.stdout.on('data', (text: Buffer) => {
    for (const byte of text) if (byte === 0x0a) count();
  });
  const [code, signal] = await once(child, 'close');
  slow.onPiece = () => undefined;
  expect(signal === 'SIGKILL' || code === 0).toBe(true);
  return { moments, isKilled: signal === 'SIGKILL' };
}

it(`a build of Alpine packages that is killed, at ${MOMENTS} moments of it, is done right by the next one`, async () => {
  const slow = await SlowMirror.start();
  const base = temporaryDirectory();
  const directoryOf = (name: string) => {
    const directory = join(base, name);
    mkdirSync(directory);
    writeKeys(directory, key);
    return directory;
  };
  const whole = directoryOf('whole');
  const { moments } = await buildInChild(slow, whole, Infinity);
  const { sha256: wanted } = await ensureFromMirror(whole, slow.mirror.url);
  let killed = 0;
  for (let at = 0; at < MOMENTS; at += 1) {
    const killAt = 1 + Math.floor(((at + 0.5) * moments) / MOMENTS);
    const directory = directoryOf(String(killAt));
    killed += (await buildInChild(slow, directory, killAt)).isKilled ? 1 : 0;
    const { path, sha256 } = await ensureFromMirror(directory, slow.mirror.url);
    expect(sha256, `killed at ${killAt} of ${moments}`).toBe(wanted);
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(wanted);
    const images = join(directory, 'cache/images');
    const left = readdirSync(images, { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('tmp-'))).toEqual([]);
    await expect.poll(() => processesIn(directory), { timeout: 10_000 }).toEqual([]);
  }
  await slow.mirror.close();
  // One that went faster than the first may end before its moment.
  expect(killed).toBeGreaterThanOrEqual(MOMENTS * 0.8);
}, 300_000);
