import { resolveDirectories } from '../../host/directories.ts';
import { formatAge, formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { listStoredItems, STORED_KINDS, type StoredItem, toStoredKind } from '../stored-items.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatTable } from '../ui/text/table.ts';
import { usageError } from '../usage-error.ts';

/** Digits of a key that are shown: enough to tell entries apart. */
const SHOWN_KEY_LENGTH = 12;
const KEY = /^[0-9a-f]{64}$/;
const LINE_LENGTH = 80;
const MAX_NAME_LENGTH = 24;
const GAP = 2;

/** Cuts a text that is too long, and marks the cut with an ellipsis. */
function cutTo(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function shownName({ key }: StoredItem): string {
  return KEY.test(key) ? key.slice(0, SHOWN_KEY_LENGTH) : cutTo(key, MAX_NAME_LENGTH);
}

/** Formats the entries as a table with a header, at most 80 characters wide. */
function imageTable(entries: readonly StoredItem[], nowMs: number): string[] {
  const rows = entries.map((entry) => [
    shownName(entry),
    entry.kind,
    entry.title === null ? '(damaged)' : plainText(entry.title),
    formatBytes(entry.sizeBytes),
    formatAge(nowMs - entry.lastUsedAtMs),
  ]);
  const head = ['KEY', 'KIND', 'CONTENT', 'SIZE', 'USED'];
  const columnWidth = (column: number) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0));
  const others = [0, 1, 3, 4].reduce((sum, column) => sum + columnWidth(column) + GAP, 0);
  const shown = rows.map((row) =>
    row.map((cell, column) => (column === 2 ? cutTo(cell, LINE_LENGTH - others) : cell)),
  );
  return formatTable([head, ...shown]);
}

/** Formats the size of each kind that is not empty: `images 140 MiB, checkpoints 1.2 GiB`. */
function totalsText(entries: readonly StoredItem[]): string {
  const sums = STORED_KINDS.flatMap((kind) => {
    const own = entries.filter((entry) => toStoredKind(entry) === kind);
    const bytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return bytes === 0 ? [] : [`${kind} ${formatBytes(bytes)}`];
  });
  return sums.join(', ');
}

/** `images`: lists the images and saved machines on disk, most recently used first, or describes OCI images. */
export const imagesCommand: CommandRun = async (context) => {
  const { io, options, operands } = context;
  const [action, ...references] = operands;
  if (action === 'inspect' && references.length > 0) {
    return (await import('../inspect-images.ts')).inspectImages(context, references);
  }
  if (action !== undefined) {
    throw usageError(
      `images ${operands.join(' ')}: not understood`,
      'Write gondolin images, or gondolin images inspect REFERENCE...',
    );
  }
  const format = chooseFormat(options, ['text', 'json']);
  const entries = await listStoredItems(resolveDirectories(io.env));
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify(entries, null, 2)}\n`);
  } else if (entries.length === 0) {
    await writeText(io.stdout, 'No images yet: the first `gondolin run` builds one.\n');
  } else {
    const lines = [...imageTable(entries, Date.now()), totalsText(entries)];
    await writeText(io.stdout, `${lines.join('\n')}\n`);
  }
  return 0;
};
