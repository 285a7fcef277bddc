import type { BuildConfig } from '../config/build/build-config.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { PlanFacts } from './build-plan.ts';
import type { ImageRecipe } from './plan.ts';

/**
 * Returns the recipe of the image that a build configuration describes.
 * @throws {GondolinError} IMAGE_DISTRO_UNSUPPORTED for one that this version does not build.
 */
export function planBuild({ arch: wanted, source }: BuildConfig, facts: PlanFacts): ImageRecipe {
  const arch = wanted === 'host' ? facts.arch : wanted;
  switch (source.kind) {
    case 'debian':
      return {
        kind: 'debian',
        arch,
        release: source.release === 'host' ? facts.release : source.release,
        packages: source.packages,
        mirror: source.mirror === 'host' ? null : source.mirror,
      };
    case 'oci': {
      const { image, pull } = source;
      return { kind: 'oci', source: image, arch, release: facts.release, pull, digest: null };
    }
    case 'alpine':
      throw new GondolinError(
        'IMAGE_DISTRO_UNSUPPORTED',
        `Cannot build the image: this version of gondolin builds no Alpine image (distro: alpine, version ${source.version})`,
        { details: { distro: 'alpine' } },
      );
  }
}
