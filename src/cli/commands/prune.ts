import { resolveDirectories } from '../../host/directories.ts';
import type { CachedImage } from '../../image/list-images.ts';
import { type PruneImagesResult, pruneImages } from '../../image/prune-images.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatBytes, parseAge } from '../ui/text/quantities.ts';
import { usageError } from '../usage-error.ts';

interface PruneOptions {
  readonly all?: boolean;
  readonly olderThan?: string;
  readonly dryRun?: boolean;
}

/** What goes without an option: images that were not used for this long. */
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

function report(result: PruneImagesResult, isDryRun: boolean): string {
  const verb = isDryRun ? 'would delete' : 'deleted';
  const lines = [
    ...result.removed.map((entry) => `${verb} ${describeEntry(entry)}`),
    ...result.inUse.map((entry) => `kept, in use: ${describeEntry(entry)}`),
    ...result.leftovers.map((path) => `${verb} left over ${plainText(path)}`),
    `${isDryRun ? 'would free' : 'freed'} ${formatBytes(result.freedBytes)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** `prune`: deletes images that were not used for some time, and what killed builds left. */
export const runPrune: CommandRun<PruneOptions> = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  if (options.all === true && options.olderThan !== undefined) {
    throw usageError('--all and --older-than exclude each other', 'Leave one of them out.');
  }
  const isDryRun = options.dryRun === true;
  const olderThanMs = ageOf(options.olderThan ?? DEFAULT_AGE);
  const choice = options.all === true ? { all: true } : { olderThanMs };
  const { cache } = resolveDirectories(io.env);
  const result = await pruneImages(cache, { ...choice, dryRun: isDryRun });
  const text =
    format === 'json' ? `${JSON.stringify(result, null, 2)}\n` : report(result, isDryRun);
  await writeText(io.stdout, text);
  return 0;
};
