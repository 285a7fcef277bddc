import type { BuildConfig, BuildSource } from '../config/build/build-config.ts';
import type { PlanFacts } from './build-plan.ts';
import type { BaseRecipe, ImageRecipe } from './plan.ts';

/** Packages with a kernel: the guest boots the one of Debian, and these would bring another and an initramfs. */
const ALPINE_KERNELS: ReadonlySet<string> = new Set(['linux-virt', 'linux-lts', 'linux-stable']);

/** Returns the recipe of the image that a build configuration describes. */
export function planBuild(config: BuildConfig, facts: PlanFacts): ImageRecipe {
  const base = planBase(config, facts);
  const { copy, commands, allowedHosts } = config.postBuild;
  if (copy.length + commands.length === 0) return base;
  const network = { allowedHosts, allowedPrivate: [], extraHosts: [] };
  return { kind: 'setup', base, setup: { copy, commands, network } };
}

function planBase({ arch: wanted, source }: BuildConfig, facts: PlanFacts): BaseRecipe {
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
      return { kind: 'alpine', arch, release: facts.release, keys: null, ...alpineOf(source) };
  }
}

function alpineOf(source: Extract<BuildSource, { kind: 'alpine' }>) {
  const { version, branch, mirror, packages } = source;
  return {
    version,
    branch,
    mirror,
    packages: packages.filter((name) => !ALPINE_KERNELS.has(name)),
  };
}
