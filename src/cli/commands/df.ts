import { mkdir, statfs } from 'node:fs/promises';
import { cacheLimitBytes } from '../../host/cache-limit.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import {
  listStoredItems,
  STORED_KINDS,
  type StoredItem,
  type StoredKind,
  toStoredKind,
} from '../stored-items.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatTable } from '../ui/text/table.ts';

interface Use {
  readonly count: number;
  readonly diskBytes: number;
}

/** The JSON output of `df`. Sizes are disk blocks in use, in bytes. */
interface DiskUse {
  readonly usedBytes: number;
  /** null without a limit. */
  readonly limitBytes: number | null;
  /** Space on the disk that this user can still fill. */
  readonly freeBytes: number;
  readonly kinds: readonly ({ readonly kind: StoredKind } & Use)[];
  /** Disk use by project, largest first; null is what projects share. */
  readonly projects: readonly ({ readonly project: string | null } & Use)[];
  readonly directories: { readonly cache: string; readonly snapshots: string };
}

function sumUse(items: readonly StoredItem[]): Use {
  const diskBytes = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { count: items.length, diskBytes };
}

function groupByProject(items: readonly StoredItem[]): DiskUse['projects'] {
  const names = [...new Set(items.map(({ project }) => project))];
  return names
    .map((project) => ({ project, ...sumUse(items.filter((item) => item.project === project)) }))
    .toSorted((a, b) => b.diskBytes - a.diskBytes);
}

function dfLines({ kinds, projects, usedBytes, limitBytes, freeBytes, directories }: DiskUse) {
  const row = (name: string, { count, diskBytes }: Use) => [
    name,
    String(count),
    formatBytes(diskBytes),
  ];
  const limit = limitBytes === null ? 'no limit' : `limit ${formatBytes(limitBytes)}`;
  const named = ({ project }: { readonly project: string | null }) =>
    project === null ? '(shared)' : plainText(project);
  return [
    ...formatTable([['KIND', 'COUNT', 'SIZE'], ...kinds.map((use) => row(use.kind, use))]),
    '',
    ...formatTable([['PROJECT', 'COUNT', 'SIZE'], ...projects.map((use) => row(named(use), use))]),
    '',
    `${formatBytes(usedBytes)} used, ${limit}, ${formatBytes(freeBytes)} free on the disk`,
    `in ${directories.cache}`,
    `and ${directories.snapshots}`,
  ];
}

/** `df`: prints the disk space that gondolin uses, by kind and by project, and its limit. */
export const dfCommand: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const directories = resolveDirectories(io.env);
  const { cache, snapshots } = directories;
  const items = await listStoredItems(directories);
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const limitBytes = await cacheLimitBytes(cache, io.env);
  const { bavail, bsize } = await statfs(cache);
  const use: DiskUse = {
    usedBytes: sumUse(items).diskBytes,
    limitBytes: Number.isFinite(limitBytes) ? limitBytes : null,
    freeBytes: bavail * bsize,
    kinds: STORED_KINDS.map((kind) => ({
      kind,
      ...sumUse(items.filter((item) => toStoredKind(item) === kind)),
    })),
    projects: groupByProject(items),
    directories: { cache, snapshots },
  };
  const text = format === 'json' ? JSON.stringify(use, null, 2) : dfLines(use).join('\n');
  await writeText(io.stdout, `${text}\n`);
  return 0;
};
