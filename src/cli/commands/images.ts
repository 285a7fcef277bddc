import { resolveDirectories } from '../../host/directories.ts';
import { formatAge, formatBytes } from '../../util/quantities.ts';
import { type CommandContext, type CommandRun, chooseFormat } from '../command-context.ts';
import type { ImagesFlags } from '../images/images-flags.ts';
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

/** The actions of `images`, with the number of operands that each needs. */
const ACTIONS = {
  inspect: { min: 1, max: Number.POSITIVE_INFINITY },
  tag: { min: 2, max: 2 },
  untag: { min: 1, max: Number.POSITIVE_INFINITY },
  export: { min: 2, max: 2 },
  import: { min: 1, max: 2 },
  sbom: { min: 1, max: 1 },
} as const;

const USAGE =
  'Write gondolin images; images inspect IMAGE...; images tag IMAGE NAME; images untag NAME...; images export IMAGE DIR; images import SOURCE [NAME]; or images sbom IMAGE.';

function readAction(operands: readonly string[]): keyof typeof ACTIONS | null {
  const [word, ...rest] = operands;
  if (word === undefined) return null;
  const action = Object.keys(ACTIONS).find((name) => name === word) as keyof typeof ACTIONS;
  const bounds = action === undefined ? undefined : ACTIONS[action];
  if (bounds !== undefined && rest.length >= bounds.min && rest.length <= bounds.max) return action;
  throw usageError(`images ${operands.join(' ')}: not understood`, USAGE);
}

/** `images`: lists the images and saved machines on disk, most recently used first, or does something with images. */
export const imagesCommand: CommandRun<ImagesFlags> = async (context) => {
  const action = readAction(context.operands);
  const operands = context.operands.slice(1);
  switch (action) {
    case null:
      return listItems(context);
    case 'inspect':
      return (await import('../images/inspect.ts')).inspectImages(context, operands);
    case 'tag':
      return (await import('../images/tag.ts')).tagImage(context, operands);
    case 'untag':
      return (await import('../images/tag.ts')).untagImages(context, operands);
    case 'export':
      return (await import('../images/export.ts')).exportImage(context, operands);
    case 'import':
      return (await import('../images/import.ts')).importImage(context, operands);
    case 'sbom':
      return (await import('../images/sbom.ts')).printSbom(context, operands);
  }
};

async function listItems({ io, options }: CommandContext<ImagesFlags>): Promise<number> {
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
}
