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

/** Builds the images that most VM tests share, unless the tests' cache has them: no test's time limit holds for that. */
export async function setup(): Promise<void> {
  for (const recipe of [debian, workloadImage()]) {
    let told = '';
    const image = await ensureImage(recipe, {
      cacheDirectory: resolveDirectories(testEnvironment).cache,
      agentPath: guestAgentPath(),
      environment: proxyEnvironment(),
      onProgress: ({ artifact, phase, message }) => {
        if (phase === 'verify' || told === `${artifact} ${phase}`) return;
        told = `${artifact} ${phase}`;
        process.stdout.write(`image: ${message}\n`);
      },
    });
    await image.release();
  }
}
