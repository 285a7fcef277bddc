import { type Directories, resolveDirectories } from '../../host/directories.ts';
import { listSavedDirectories } from '../../host/saved-directories.ts';
import { type CachedImage, listImages } from '../../image/list-images.ts';
import { CheckpointStore } from '../../project/checkpoint/checkpoint-store.ts';
import { SnapshotStore } from '../../project/snapshot/snapshot-store.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatAge, formatBytes } from '../ui/text/quantities.ts';
import { formatTable } from '../ui/text/table.ts';

/** Digits of a key shown to people; enough to tell entries apart. */
const SHOWN_KEY_LENGTH = 12;
const TEMPLATE_NAME = /^[0-9a-f]{64}$/;

/** True for names of templates, among other names in their directory. */
export function isTemplateName(name: string): boolean {
  return TEMPLATE_NAME.test(name);
}

/** One line of `images`: an entry of the image cache, or a saved machine. */
export interface StoredItem extends Omit<CachedImage, 'kind'> {
  readonly kind: CachedImage['kind'] | 'template' | 'checkpoint' | 'snapshot';
}

async function listTemplates({ templates }: Directories): Promise<StoredItem[]> {
  const entries = await listSavedDirectories(templates, isTemplateName);
  return entries.map(({ name, diskBytes, lastUsedAtMs }) => {
    const times = { createdAtMs: null, lastUsedAtMs };
    return { kind: 'template', key: name, title: 'warm start', sizeBytes: diskBytes, ...times };
  });
}

async function listCheckpoints({ checkpoints }: Directories): Promise<StoredItem[]> {
  const entries = await new CheckpointStore(checkpoints).list();
  return entries.map(({ name, diskBytes, lastUsedAtMs, facts }) => ({
    kind: 'checkpoint',
    key: name,
    title: facts === null ? null : `${facts.project} ${facts.sandbox}: ${facts.step}`,
    sizeBytes: diskBytes,
    createdAtMs: facts?.createdAtMs ?? null,
    lastUsedAtMs,
  }));
}

async function listSnapshots({ snapshots }: Directories): Promise<StoredItem[]> {
  const entries = await new SnapshotStore(snapshots).list();
  return entries.map(({ name, diskBytes, lastUsedAtMs, facts }) => ({
    kind: 'snapshot',
    key: name,
    title: facts === null ? null : `${facts.project} ${facts.sandbox}`,
    sizeBytes: diskBytes,
    createdAtMs: facts?.createdAtMs ?? null,
    lastUsedAtMs,
  }));
}

/** The entries as aligned lines with a head. */
function imageTable(entries: readonly StoredItem[], nowMs: number): string[] {
  const rows = entries.map((entry) => [
    TEMPLATE_NAME.test(entry.key) ? entry.key.slice(0, SHOWN_KEY_LENGTH) : entry.key,
    entry.kind,
    entry.title === null ? '(damaged)' : plainText(entry.title),
    formatBytes(entry.sizeBytes),
    entry.createdAtMs === null ? '-' : formatAge(nowMs - entry.createdAtMs),
    formatAge(nowMs - entry.lastUsedAtMs),
  ]);
  return formatTable([['KEY', 'KIND', 'CONTENT', 'SIZE', 'CREATED', 'USED'], ...rows]);
}

/** Size of each kind, those that take nothing left out: `images 140 MiB, checkpoints 1.2 GiB`. */
function sumsOf(entries: readonly StoredItem[]): string {
  const sums = new Map<string, number>();
  for (const { kind, sizeBytes } of entries) {
    const isSaved = kind === 'template' || kind === 'checkpoint' || kind === 'snapshot';
    const name = isSaved ? `${kind}s` : 'images';
    sums.set(name, (sums.get(name) ?? 0) + sizeBytes);
  }
  return [...sums].map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ');
}

/** `images`: what gondolin keeps on disk, the last used first: images and saved machines. */
export const runImages: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const directories = resolveDirectories(io.env);
  const lists = await Promise.all([
    listImages(directories.cache),
    listTemplates(directories),
    listCheckpoints(directories),
    listSnapshots(directories),
  ]);
  const entries: StoredItem[] = lists.flat().toSorted((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify(entries, null, 2)}\n`);
  } else if (entries.length === 0) {
    await writeText(io.stdout, 'No images yet: the first `gondolin run` builds one.\n');
  } else {
    const total = `${sumsOf(entries)} in ${directories.cache} and ${directories.snapshots}`;
    const lines = [...imageTable(entries, Date.now()), total];
    await writeText(io.stdout, `${lines.join('\n')}\n`);
  }
  return 0;
};
