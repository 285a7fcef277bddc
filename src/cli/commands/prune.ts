import { join } from 'node:path';
import {
  type Directories,
  type Environment,
  keptDirectories,
  NAMES,
  resolveDirectories,
} from '../../host/directories.ts';
import {
  type PruneResult,
  pruneSavedDirectories,
  type SavedDirectory,
} from '../../host/saved-directories.ts';
import { isEntryKey } from '../../image/cache/layout.ts';
import type { CachedImage } from '../../image/list-images.ts';
import { type PruneImagesResult, pruneImages } from '../../image/prune-images.ts';
import { type TrimmableItem, trimCache } from '../../image/trim-cache.ts';
import { CheckpointStore } from '../../project/checkpoint/checkpoint-store.ts';
import {
  type PrunedVolumes,
  type Volume,
  VolumeStore,
} from '../../project/volumes/volume-store.ts';
import { formatBytes, parseAge } from '../../util/quantities.ts';
import { TemplateStore } from '../../vm/snapshot/template-store.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';

interface PruneOptions {
  readonly all?: boolean;
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly images?: boolean;
  readonly templates?: boolean;
  readonly checkpoints?: boolean;
  readonly volumes?: boolean;
}

/** The items that were deleted, by kind. */
interface Pruned extends PruneImagesResult {
  readonly builders: readonly SavedDirectory[];
  readonly templates: readonly SavedDirectory[];
  readonly checkpoints: readonly SavedDirectory[];
  /** Only with `--volumes`. */
  readonly volumes: readonly Volume[];
  readonly volumesInUse: readonly Volume[];
  /** Templates and checkpoints in use by running VMs. */
  readonly savedInUse: readonly SavedDirectory[];
  /** Items that were deleted because the rest still exceeded the limit. */
  readonly overLimit: readonly TrimmableItem[];
}

/** Without an option, items that were not used for this long are deleted. */
const DEFAULT_AGE = '7d';

function readAge(text: string): number {
  const age = parseAge(text);
  if (age !== undefined) return age;
  throw usageError(
    `--older-than ${text}: not an age`,
    'Write a number and a unit: 90m, 12h, 7d or 2w.',
  );
}

function describeEntry({ kind, title, sizeBytes, key }: CachedImage): string {
  const name = title === null ? '(damaged)' : plainText(title);
  return `${kind} ${name} (${key.slice(0, 12)}), ${formatBytes(sizeBytes)}`;
}

function describeSaved(kind: string, { name, diskBytes }: SavedDirectory): string {
  return `${kind} ${name.slice(0, 12)}, ${formatBytes(diskBytes)}`;
}

function describeVolume({ project, name, diskBytes }: Volume): string {
  return `volume ${project}/${name}, ${formatBytes(diskBytes)}`;
}

function report(result: Pruned, isDryRun: boolean): string {
  const verb = isDryRun ? 'would delete' : 'deleted';
  const lines = [
    ...result.removed.map((entry) => `${verb} ${describeEntry(entry)}`),
    ...result.builders.map((entry) => `${verb} ${describeSaved('builder', entry)}`),
    ...result.templates.map((entry) => `${verb} ${describeSaved('template', entry)}`),
    ...result.checkpoints.map((entry) => `${verb} ${describeSaved('checkpoint', entry)}`),
    ...result.volumes.map((one) => `${verb} ${describeVolume(one)}`),
    ...result.volumesInUse.map((one) => `kept, in use: ${describeVolume(one)}`),
    ...result.overLimit.map(({ kind, key, diskBytes }) => {
      return `${verb}, over the limit: ${kind} ${key.slice(0, 12)}, ${formatBytes(diskBytes)}`;
    }),
    ...result.inUse.map((entry) => `kept, in use: ${describeEntry(entry)}`),
    ...result.savedInUse.map((entry) => `kept, in use: ${describeSaved('machine', entry)}`),
    ...result.leftovers.map((path) => `${verb} leftover ${plainText(path)}`),
    `${isDryRun ? 'would free' : 'freed'} ${formatBytes(result.freedBytes)}`,
  ];
  return `${lines.join('\n')}\n`;
}

const NO_IMAGES: PruneImagesResult = { removed: [], inUse: [], freedBytes: 0, leftovers: [] };
const NO_VOLUMES: PrunedVolumes = { removed: [], inUse: [] };
const NO_SAVED: PruneResult = { removed: [], inUse: [] };

/**
 * Returns the age in milliseconds from which items are deleted; 0 deletes all. A kind selected by its own option is
 * deleted at any age unless `--older-than` is given.
 */
function minimumAgeMs(options: PruneOptions): number {
  if (options.all === true && options.olderThan !== undefined) {
    throw usageError('--all and --older-than cannot be combined', 'Remove one of them.');
  }
  const isNamed =
    options.templates === true || options.checkpoints === true || options.volumes === true;
  const isAll = options.all === true || (isNamed && options.olderThan === undefined);
  return isAll ? 0 : readAge(options.olderThan ?? DEFAULT_AGE);
}

async function prune(
  options: PruneOptions,
  directories: Directories,
  env: Environment,
): Promise<Pruned> {
  const { cache, templates, checkpoints, volumes } = directories;
  const isDryRun = options.dryRun === true;
  const olderThanMs = minimumAgeMs(options);
  const kinds = [options.images, options.templates, options.checkpoints, options.volumes];
  const isEvery = !kinds.includes(true);
  const choice = olderThanMs === 0 ? { all: true } : { olderThanMs };
  const saved = { olderThanMs, isDryRun };
  const hasImages = isEvery || options.images === true;
  const images = hasImages ? await pruneImages(cache, { ...choice, dryRun: isDryRun }) : NO_IMAGES;
  const oldBuilders = hasImages
    ? await pruneSavedDirectories(join(cache, NAMES.builders), { ...saved, isName: isEntryKey })
    : NO_SAVED;
  const oldTemplates =
    isEvery || options.templates === true
      ? await new TemplateStore(templates).prune(saved)
      : NO_SAVED;
  const oldCheckpoints =
    isEvery || options.checkpoints === true
      ? await new CheckpointStore(checkpoints).prune(saved)
      : NO_SAVED;
  const oldVolumes =
    options.volumes === true ? await new VolumeStore(volumes).prune(saved) : NO_VOLUMES;
  const savedKinds = [oldBuilders, oldTemplates, oldCheckpoints];
  const gone = [oldVolumes, ...savedKinds].flatMap(({ removed }) => removed);
  // After a dry run the items above still exist, and would be counted a second time.
  const overLimit =
    isEvery && !isDryRun
      ? (
          await trimCache({
            cacheDirectory: cache,
            keptDirectories: keptDirectories(directories),
            env,
          })
        ).removed
      : [];
  const bytes = [...gone, ...overLimit].reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  return {
    ...images,
    freedBytes: images.freedBytes + bytes,
    builders: oldBuilders.removed,
    templates: oldTemplates.removed,
    checkpoints: oldCheckpoints.removed,
    volumes: oldVolumes.removed,
    volumesInUse: oldVolumes.inUse,
    savedInUse: savedKinds.flatMap(({ inUse }) => inUse),
    overLimit,
  };
}

/**
 * `prune`: deletes images, templates and checkpoints that were not used for some time, then what still exceeds the
 * limit, and leftovers of killed runs. Snapshots and images with names are never deleted, and volumes
 * only with `--volumes`.
 */
export const pruneCommand: CommandRun<PruneOptions> = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const result = await prune(options, resolveDirectories(io.env), io.env);
  const text =
    format === 'json'
      ? `${JSON.stringify(result, null, 2)}\n`
      : report(result, options.dryRun === true);
  await writeText(io.stdout, text);
  return 0;
};
