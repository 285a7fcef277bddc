import { resolveDirectories } from '../src/host/directories.ts';
import { hostDebianRelease, proxyEnvironment } from '../src/host/image-environment.ts';
import { guestAgentPath } from '../src/host/package-root.ts';
import { ensureImage } from '../src/image/ensure-image.ts';
import type { ImageRecipe } from '../src/plan/plan.ts';
import { workloadImage } from './fixtures/workload-image.ts';
import { testEnvironment } from './test-environment.ts';

const debian: ImageRecipe = {
  kind: 'debian',
  arch: 'x86_64',
  release: hostDebianRelease(),
  packages: [],
  mirror: null,
};

async function build(recipe: ImageRecipe, signal: AbortSignal): Promise<void> {
  let told = '';
  const image = await ensureImage(recipe, {
    cacheDirectory: resolveDirectories(testEnvironment).cache,
    agentPath: guestAgentPath(),
    environment: proxyEnvironment(),
    signal,
    onProgress: ({ artifact, phase, message }) => {
      if (phase === 'verify' || told === `${artifact} ${phase}`) return;
      told = `${artifact} ${phase}`;
      process.stdout.write(`image: ${message}\n`);
    },
  });
  await image.release();
}

/** Builds the image of most VM tests, unless the tests' cache has it. */
export function buildBaseImage(signal: AbortSignal = new AbortController().signal): Promise<void> {
  return build(debian, signal);
}

const ended = new AbortController();
let workload: Promise<void> = Promise.resolve();

/**
 * Builds the images that most VM tests share, unless the tests' cache has them: no test's time limit holds for that. Tests
 * that use the second one come last (workload-last.ts), and wait for it where it is still being built.
 */
export async function setup(): Promise<void> {
  await buildBaseImage(ended.signal);
  // A test that needs it builds it again, and has the error.
  workload = build(workloadImage(), ended.signal).catch((error: Error) => {
    if (!ended.signal.aborted) process.stderr.write(`image: ${error.message}\n`);
  });
}

/** A run of other files does not wait for an image that they do not use. */
export async function teardown(): Promise<void> {
  ended.abort();
  await workload;
}
