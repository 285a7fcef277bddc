import { join } from 'node:path';
import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, findOld, type HeldEntry } from '../cache/entry.ts';
import { ARTIFACT_FILES, type EntryPlace, entryPlace } from '../cache/layout.ts';
import type { FileDigest } from '../cache/manifest.ts';
import { withWorkDirectory } from '../cache/sweep.ts';
import { digestFile } from '../cache/verify-files.ts';
import type { GuestImage, ImageContext } from '../guest-image.ts';
import { packTree } from '../oci/layer/pack-layers.ts';
import type { AlpineRecipe } from '../recipe.ts';
import { imageTitle } from '../recipe-title.ts';
import { scaledEvents } from '../scaled-events.ts';
import { type AlpineRootfsRequest, requestAlpine } from './alpine-recipe.ts';
import type { MirrorContext } from './mirror.ts';
import { resolveAlpine } from './resolve-alpine.ts';
import { SCRIPTS_DIRECTORY } from './setup-scripts.ts';
import { type AlpineTree, withAlpineTree } from './write-rootfs.ts';

/** Makes a root file system ready to boot, for the scripts of its packages. It is released by whoever asked for it. */
export type BootRootfs = (rootfs: FileDigest & { readonly path: string }) => Promise<GuestImage>;

/** Shares of the work that come before packing, in the progress; and before the scripts, where there are some. */
const MERGED = 0.8;
const BEFORE_SCRIPTS = 0.85;

/**
 * Makes the root file system of Alpine packages ready: takes it from the cache, or asks the mirror for its packages.
 * Scripts of packages run in a VM of what was made so far.
 *
 * @throws {GondolinError} those of `requestAlpine`, `resolveAlpine`, `withAlpineTree` and `setUpRootfs`; those of the cache.
 */
export async function ensureAlpineRootfs(
  recipe: AlpineRecipe,
  context: ImageContext,
  boot: BootRootfs,
): Promise<HeldEntry> {
  const { options } = context;
  const request = await requestAlpine(recipe, options.env);
  const place = entryPlace(options.cacheDirectory, 'rootfs', request.rootfsKey);
  return ensureEntry(place, {
    ...context,
    findMismatch: (manifest) => findOld(manifest, options),
    build: async (target) => {
      await buildRootfs(request, { place, target, boot }, context);
      return { title: imageTitle(recipe), kernelRelease: '' };
    },
  });
}

interface RootfsBuild {
  readonly place: EntryPlace;
  /** Directory of the entry. */
  readonly target: string;
  readonly boot: BootRootfs;
}

async function buildRootfs(
  request: AlpineRootfsRequest,
  build: RootfsBuild,
  context: ImageContext,
): Promise<void> {
  const mirror = mirrorContext(context);
  const plan = await resolveAlpine(request, mirror);
  await withAlpineTree(plan, mirror, async (merged) => {
    if (merged.scripts.length === 0) return pack(merged, build, 1, context);
    return withWorkDirectory(build.place.parent, (directory) =>
      packWithScripts(merged, { ...build, directory }, context),
    );
  });
}

async function pack(
  { tree, layers }: AlpineTree,
  { place, target }: Pick<RootfsBuild, 'place' | 'target'>,
  end: number,
  context: ImageContext,
): Promise<void> {
  const { options, signal } = context;
  const { onProgress } = mirrorContext(context);
  await withBuildLog(options.cacheDirectory, `alpine-${place.key.slice(0, 16)}`, (logPath) =>
    packTree(tree, layers, {
      ...{ target, cwd: target, logPath, environment: {}, signal },
      onProgress: (fraction) =>
        onProgress('pack', 'packing the root file system', MERGED + (end - MERGED) * fraction),
    }),
  );
}

/** Packs the packages, runs their scripts in a VM of that, and packs what it has become. */
async function packWithScripts(
  merged: AlpineTree,
  { place, target, directory, boot }: RootfsBuild & { readonly directory: string },
  context: ImageContext,
): Promise<void> {
  const { signal } = context;
  await pack(merged, { place, target: directory }, BEFORE_SCRIPTS, context);
  const path = join(directory, ARTIFACT_FILES.rootfs[0]);
  const rootfs = { ...(await digestFile(path, signal)), path };
  const { setUpRootfs } = await import('../setup/ensure-setup.ts');
  const after = { ...context, onEvent: scaledEvents(context.onEvent, BEFORE_SCRIPTS) };
  const setup = { copy: [], commands: scriptCommands(merged.scripts), network: NO_NETWORK };
  await setUpRootfs(setup, { place, target, directory, boot: () => boot(rootfs) }, after);
}

const NO_NETWORK = { allowedHosts: [], allowedPrivate: [], extraHosts: [] };

/** Like apk, which has its scripts in this directory while they run. */
function scriptCommands(scripts: AlpineTree['scripts']): string[] {
  return [
    ...scripts.map(({ path, args }) => shellQuoteArgs([path, ...args])),
    `rm -r /${SCRIPTS_DIRECTORY}`,
  ];
}

function mirrorContext({ options, onEvent, signal }: ImageContext): MirrorContext {
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
