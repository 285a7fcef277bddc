import { type Directories, resolveDirectories } from '../../host/directories.ts';
import { pruneSavedDirectories, type SavedDirectory } from '../../host/saved-directories.ts';
import type { CachedImage } from '../../image/list-images.ts';
import { type PruneImagesResult, pruneImages } from '../../image/prune-images.ts';
import { CheckpointStore } from '../../project/checkpoint/checkpoint-store.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatBytes, parseAge } from '../ui/text/quantities.ts';
import { usageError } from '../usage-error.ts';
import { isTemplateName } from './images.ts';

interface PruneOptions {
  readonly all?: boolean;
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly images?: boolean;
  readonly templates?: boolean;
  readonly checkpoints?: boolean;
}

/** What went of each kind. */
interface Pruned extends PruneImagesResult {
  readonly templates: readonly SavedDirectory[];
  readonly checkpoints: readonly SavedDirectory[];
}

/** What goes without an option: what was not used for this long. */
const DEFAULT_AGE = '7d';

function ageOf(text: string): number {
  const age = parseAge(text);
  if (age !== undefined) return age;
  throw usageError(
    `--older-than ${text}: got no age`,
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

function report(result: Pruned, isDryRun: boolean): string {
  const verb = isDryRun ? 'would delete' : 'deleted';
  const lines = [
    ...result.removed.map((entry) => `${verb} ${describeEntry(entry)}`),
    ...result.templates.map((entry) => `${verb} ${describeSaved('template', entry)}`),
    ...result.checkpoints.map((entry) => `${verb} ${describeSaved('checkpoint', entry)}`),
    ...result.inUse.map((entry) => `kept, in use: ${describeEntry(entry)}`),
    ...result.leftovers.map((path) => `${verb} left over ${plainText(path)}`),
    `${isDryRun ? 'would free' : 'freed'} ${formatBytes(result.freedBytes)}`,
  ];
  return `${lines.join('\n')}\n`;
}

const NO_IMAGES: PruneImagesResult = { removed: [], inUse: [], freedBytes: 0, leftovers: [] };

/** How old what goes is, in milliseconds; 0 is everything. A kind that is named goes as a whole unless told. */
function ageOfChoice(options: PruneOptions): number {
  if (options.all === true && options.olderThan !== undefined) {
    throw usageError('--all and --older-than exclude each other', 'Leave one of them out.');
  }
  const isNamed = options.templates === true || options.checkpoints === true;
  const isAll = options.all === true || (isNamed && options.olderThan === undefined);
  return isAll ? 0 : ageOf(options.olderThan ?? DEFAULT_AGE);
}

async function prune(options: PruneOptions, { cache, templates, checkpoints }: Directories) {
  const isDryRun = options.dryRun === true;
  const olderThanMs = ageOfChoice(options);
  const kinds = [options.images, options.templates, options.checkpoints];
  const isEvery = !kinds.includes(true);
  const choice = olderThanMs === 0 ? { all: true } : { olderThanMs };
  const saved = { olderThanMs, isDryRun };
  const images =
    isEvery || options.images === true
      ? await pruneImages(cache, { ...choice, dryRun: isDryRun })
      : NO_IMAGES;
  const goneTemplates =
    isEvery || options.templates === true
      ? await pruneSavedDirectories(templates, { ...saved, isName: isTemplateName })
      : [];
  const goneCheckpoints =
    isEvery || options.checkpoints === true
      ? await new CheckpointStore(checkpoints).prune(saved)
      : [];
  const savedBytes = [...goneTemplates, ...goneCheckpoints].reduce(
    (sum, e) => sum + e.diskBytes,
    0,
  );
  const freedBytes = images.freedBytes + savedBytes;
  return { ...images, freedBytes, templates: goneTemplates, checkpoints: goneCheckpoints };
}

/**
 * `prune`: deletes images, templates and checkpoints that were not used for some time, and what killed runs left.
 * Snapshots have names and stay.
 */
export const runPrune: CommandRun<PruneOptions> = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const result = await prune(options, resolveDirectories(io.env));
  const text =
    format === 'json'
      ? `${JSON.stringify(result, null, 2)}\n`
      : report(result, options.dryRun === true);
  await writeText(io.stdout, text);
  return 0;
};
