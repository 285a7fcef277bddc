/**
 * Pull and unpack of a 500 MiB image from Debian's docker-registry, until a VM could boot it, beside `skopeo copy` and `umoci unpack`
 * of the same image. Needs root, as umoci does.
 */

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDebianRegistry } from '../test/fixtures/oci/debian-registry.ts';
import { ociRecipe, pullImage } from '../test/fixtures/oci/pull-image.ts';
import { openRounds } from './results.ts';
import { median, milliseconds } from './statistics.ts';

const { rounds, results } = openRounds('oci', 3);
/** Of `skopeo copy` and `umoci unpack` together. */
const GOAL = 1.2;
const MIB = 2 ** 20;
const LARGE_FILES = 5;
const LARGE_BYTES = 50 * MIB;
const SMALL_FILES = 16_000;
const SMALL_BYTES = 16 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-oci-'));

/** Text compresses to three quarters, as programs do to a half. */
function content(bytes: number): string {
  return randomBytes(Math.ceil((bytes * 3) / 4)).toString('base64');
}

function makeTrees(): string[] {
  const large = join(directory, 'large');
  mkdirSync(large);
  for (let n = 0; n < LARGE_FILES; n += 1) writeFileSync(join(large, `${n}`), content(LARGE_BYTES));
  const small = join(directory, 'small');
  for (let n = 0; n < SMALL_FILES; n += 1) {
    const parent = join(small, 'small', `${n % 200}`);
    if (n < 200) mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `${n}`), content(SMALL_BYTES));
  }
  return [large, small];
}

function tool(name: string, ...args: string[]): void {
  execFileSync(name, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function pushImage(host: string): void {
  const layout = join(directory, 'layout');
  const image = `${layout}:latest`;
  tool('umoci', 'init', '--layout', layout);
  tool('umoci', 'new', '--image', image);
  for (const tree of makeTrees()) {
    tool('umoci', 'insert', '--image', image, tree, '/');
    rmSync(tree, { recursive: true });
  }
  const insecure = ['--quiet', '--insecure-policy', '--dest-tls-verify=false'];
  tool('skopeo', 'copy', ...insecure, `oci:${image}`, `docker://${host}/bench:latest`);
  rmSync(layout, { recursive: true });
}

async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Each contestant gets a place of its own, which is empty. */
async function inFreshDirectory(work: (place: string) => unknown): Promise<number> {
  const place = mkdtempSync(join(directory, 'round-'));
  try {
    return await timed(() => work(place));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function main(host: string): Promise<void> {
  pushImage(host);
  const own: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    own.push(
      await inFreshDirectory((place) => pullImage(place, ociRecipe(`${host}/bench:latest`))),
    );
    peer.push(
      await inFreshDirectory((place) => {
        const layout = join(place, 'layout');
        const insecure = ['--quiet', '--insecure-policy', '--src-tls-verify=false'];
        tool(
          'skopeo',
          'copy',
          ...insecure,
          `docker://${host}/bench:latest`,
          `oci:${layout}:latest`,
        );
        tool('umoci', 'unpack', '--image', `${layout}:latest`, join(place, 'bundle'));
      }),
    );
  }
  const ratio = median(own) / median(peer);
  console.log(`gondolin, until the squashfs is in the cache  ${milliseconds(median(own))}`);
  console.log(`skopeo copy and umoci unpack                  ${milliseconds(median(peer))}`);
  console.log(`ratio                                         ${ratio.toFixed(2)} (goal ${GOAL})`);
  results.add('pull and unpack of 500 MiB, gondolin', 'ms', own);
  results.add('pull and unpack of 500 MiB, skopeo and umoci', 'ms', peer);
}

const registry = await startDebianRegistry(directory);
try {
  await main(registry.host);
} catch (error) {
  results.fail('oci', error);
  throw error;
} finally {
  await registry.close();
  rmSync(directory, { recursive: true, force: true });
  await results.write();
}
