import { resolveDirectories } from '../../host/directories.ts';
import { type CachedImage, listImages } from '../../image/list-images.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatAge, formatBytes } from '../ui/text/quantities.ts';
import { formatTable } from '../ui/text/table.ts';

/** Digits of a key shown to people; enough to tell entries apart. */
const SHOWN_KEY_LENGTH = 12;

/** The entries as aligned lines with a head. */
export function imageTable(entries: readonly CachedImage[], nowMs: number): string[] {
  const rows = entries.map((entry) => [
    entry.key.slice(0, SHOWN_KEY_LENGTH),
    entry.kind,
    entry.title === null ? '(damaged)' : plainText(entry.title),
    formatBytes(entry.sizeBytes),
    entry.createdAtMs === null ? '-' : formatAge(nowMs - entry.createdAtMs),
    formatAge(nowMs - entry.lastUsedAtMs),
  ]);
  return formatTable([['KEY', 'KIND', 'CONTENT', 'SIZE', 'CREATED', 'USED'], ...rows]);
}

/** `images`: what the image cache holds, the last used first. */
export const runImages: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const { cache } = resolveDirectories(io.env);
  const entries = (await listImages(cache)).toReversed();
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify(entries, null, 2)}\n`);
  } else if (entries.length === 0) {
    await writeText(io.stdout, 'No images yet: the first `gondolin run` builds one.\n');
  } else {
    const total = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
    const lines = [...imageTable(entries, Date.now()), `${formatBytes(total)} in ${cache}`];
    await writeText(io.stdout, `${lines.join('\n')}\n`);
  }
  return 0;
};
