import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../host/directories.ts';
import { debianSnapshotService } from '../host/image-environment.ts';
import { type EntryPlace, logsDirectory } from './cache/layout.ts';
import { withWorkDirectory } from './cache/sweep.ts';
import { readHostPackageFacts } from './debian/host-packages.ts';
import { writeLockedRepository } from './debian/locked-repository.ts';
import { planSources } from './debian/plan-sources.ts';
import { downloadBase } from './debian/unpack/download-base.ts';
import type { ImageContext } from './guest-image.ts';
import { buildKernel } from './kernel/build-kernel.ts';
import { fetchModules, type KernelPackageOptions } from './kernel/kernel-package.ts';
import { type DebianRecipe, lockedKernel, lockedRootfs } from './recipe.ts';
import { buildRootfs } from './rootfs/build-rootfs.ts';
import { identifyBuilder } from './rootfs/isolation.ts';
import { includedPackages } from './rootfs/mmdebstrap-arguments.ts';

/** Part of the work that packages are which are downloaded first: those of a lock, and those of a base, which are also unpacked. */
const LOCKED = 0.3;
const DOWNLOADED = 0.45;

export interface DebianBuildContext extends ImageContext {
  /** Kernel release of the modules to put into a root file system; empty for none. */
  readonly kernelRelease: string;
  /** A squashfs of the same release, which packages are added to; null to begin with nothing. */
  readonly basePath: string | null;
}

/**
 * Builds the kernel or the root file system of a recipe into `target`. The log is kept when it fails.
 *
 * @returns the kernel release; empty for a root file system.
 * @throws as `buildKernel`, `buildRootfs` and `planSources`.
 */
export async function buildDebianEntry(
  place: EntryPlace,
  recipe: DebianRecipe,
  target: string,
  context: DebianBuildContext,
): Promise<string> {
  const { release, arch, packages } = recipe;
  const snapshotService = debianSnapshotService(context.options.env);
  const sources = planSources({ ...recipe, snapshotService }, await readHostPackageFacts());
  const logs = logsDirectory(context.options.cacheDirectory);
  await ensureDirectory(logs);
  const logPath = join(logs, `${place.kind}-${place.key.slice(0, 16)}.log`);
  await rm(logPath, { force: true });

  const kernelRelease = await withWorkDirectory(place.parent, async (cwd) => {
    const shared = {
      arch,
      sources,
      target,
      cwd,
      logPath,
      environment: context.options.environment ?? {},
      signal: context.signal,
      locked: lockedKernel(recipe),
      onPhase: (phase: string, message: string, fraction: number): void => {
        context.onEvent({ level: 'info', artifact: place.kind, phase, message, fraction });
      },
    };
    if (place.kind === 'kernel') return buildKernel(shared);
    const { kernelRelease: wanted, basePath } = context;
    const modules = wanted === '' ? null : await fetchModules(wanted, startingAtZero(shared));
    const builder = await identifyBuilder();
    const isBase = basePath === null;
    const share = isBase ? DOWNLOADED : recipe.locked === undefined ? 0 : LOCKED;
    const { onPhase } = shared;
    const preparing = {
      ...{ ...shared, release, locked: lockedRootfs(recipe, !isBase) },
      onPhase: (phase: string, message: string, fraction: number) =>
        onPhase(phase, message, share * fraction),
    };
    const prepareBase = async () =>
      basePath ??
      downloadBase({ ...preparing, names: includedPackages({ packages, hasModules: false }) });
    const installFrom =
      isBase || preparing.locked === null
        ? null
        : [await writeLockedRepository(preparing.locked, preparing)];
    await buildRootfs({
      ...{ ...shared, release, packages, modules, builder, prepareBase, installFrom },
      onPhase: (phase, message, fraction) =>
        onPhase(phase, message, share + (1 - share) * fraction),
    });
    return '';
  });
  await rm(logPath, { force: true });
  return kernelRelease;
}

/** The modules take a second of a minute: the bar does not move for them. */
function startingAtZero(options: KernelPackageOptions): KernelPackageOptions {
  return { ...options, onPhase: (phase, message) => options.onPhase(phase, message, 0) };
}
