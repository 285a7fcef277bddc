import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../../host/directories.ts';
import { type EnsureEntryOptions, ensureEntry, type HeldEntry } from '../cache/entry.ts';
import { entryPlace, logsDirectory } from '../cache/layout.ts';
import type { EnsureImageOptions } from '../guest-image.ts';
import { packTree } from '../oci/layer/pack-layers.ts';
import { type AlpineRecipe, imageTitle } from '../recipe.ts';
import { alpineError } from './alpine-error.ts';
import { type AlpineRootfsRequest, requestAlpine } from './alpine-recipe.ts';
import type { MirrorContext } from './mirror.ts';
import { resolveAlpine } from './resolve-alpine.ts';
import { type AlpineTree, withAlpineTree } from './write-rootfs.ts';

export type AlpineContext = Pick<EnsureEntryOptions, 'onEvent' | 'signal'> & {
  readonly options: EnsureImageOptions;
};

/** Share of the work that comes before packing, in the progress. */
const MERGED = 0.8;

/**
 * Makes the root file system of Alpine packages ready: takes it from the cache, or asks the mirror for its packages.
 * @throws {GondolinError} those of `requestAlpine`, `resolveAlpine` and `withAlpineTree`; IMAGE_SCRIPTS_UNSUPPORTED; those of the
 * cache.
 */
export async function ensureAlpineRootfs(
  recipe: AlpineRecipe,
  context: AlpineContext,
): Promise<HeldEntry> {
  const { options } = context;
  const request = await requestAlpine(recipe, options.env);
  return ensureEntry(entryPlace(options.cacheDirectory, 'rootfs', request.rootfsKey), {
    ...context,
    findMismatch: ({ createdAtMs }) =>
      createdAtMs < (options.rebuildBeforeMs ?? 0) ? 'a new one was asked for' : null,
    build: async (target) => {
      await buildRootfs(request, target, context);
      return { title: imageTitle(recipe), kernelRelease: '' };
    },
  });
}

async function buildRootfs(
  request: AlpineRootfsRequest,
  target: string,
  context: AlpineContext,
): Promise<void> {
  const mirror = mirrorContext(context);
  const plan = await resolveAlpine(request, mirror);
  const { cacheDirectory } = context.options;
  const logs = logsDirectory(cacheDirectory);
  await ensureDirectory(logs);
  const logPath = join(logs, `alpine-${plan.digest.slice(0, 16)}.log`);
  await withAlpineTree(plan, mirror, async ({ tree, layers, scripts }) => {
    refuseScripts(scripts);
    await packTree(tree, layers, {
      ...{ target, cwd: target, logPath, environment: {}, signal: context.signal },
      onProgress: (fraction) =>
        mirror.onProgress('pack', 'packing the root file system', MERGED + (1 - MERGED) * fraction),
    });
  });
  await rm(logPath, { force: true });
}

/** Without its scripts a package may not work, and would not say so. */
function refuseScripts(scripts: AlpineTree['scripts']): void {
  if (scripts.length === 0) return;
  const packages = [...new Set(scripts.map((script) => script.package))];
  throw alpineError(
    'IMAGE_SCRIPTS_UNSUPPORTED',
    `${packages.slice(0, 10).join(', ')} need their scripts run, which this version does not do`,
  );
}

function mirrorContext({ options, onEvent, signal }: AlpineContext): MirrorContext {
  const { cacheDirectory, environment, transferLimits } = options;
  let told = '';
  return {
    ...{ cacheDirectory, environment, transferLimits, signal },
    onProgress: (phase, message, fraction) => {
      const now = `${phase} ${Math.floor(fraction * 100)}`;
      if (now === told) return;
      told = now;
      onEvent({ level: 'info', artifact: 'rootfs', phase, message, fraction });
    },
  };
}
