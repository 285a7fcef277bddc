import { resolveDirectories } from '../../host/directories.ts';
import { chooseVolume, volumeTitle } from '../../project/volumes/choose-volume.ts';
import { type Volume, VolumeStore } from '../../project/volumes/volume-store.ts';
import { formatAge, formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat, type GlobalOptions } from '../command-context.ts';
import { writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatTable } from '../ui/text/table.ts';
import { usageError } from '../usage-error.ts';

function volumeTable(volumes: readonly Volume[], nowMs: number): string[] {
  const rows = volumes.map((one) => [
    volumeTitle(one),
    formatBytes(one.sizeBytes),
    formatBytes(one.diskBytes),
    one.usedByPid === null ? formatAge(nowMs - one.lastUsedAtMs) : `now, by ${one.usedByPid}`,
    plainText(one.lastSandbox),
  ]);
  return formatTable([['VOLUME', 'SIZE', 'ON DISK', 'USED', 'SANDBOX'], ...rows]);
}

function describe(volume: Volume): string[] {
  const { sizeBytes, diskBytes, path, createdAtMs, lastUsedAtMs, lastSandbox, usedByPid } = volume;
  const time = (at: number) => new Date(at).toISOString();
  return [
    volumeTitle(volume),
    `  size       ${formatBytes(sizeBytes)}, ${formatBytes(diskBytes)} on this machine's disk`,
    `  disk       ${path}`,
    `  created    ${time(createdAtMs)}`,
    `  last used  ${time(lastUsedAtMs)} by sandbox ${plainText(lastSandbox)}`,
    `  in use     ${usedByPid === null ? 'no' : `by the process ${usedByPid}`}`,
  ];
}

/** The volumes of `-p NAME`, or of every project. */
async function readVolumes(
  store: VolumeStore,
  { projectName }: GlobalOptions,
): Promise<readonly Volume[]> {
  const all = await store.list();
  return projectName === undefined ? all : all.filter(({ project }) => project === projectName);
}

/** `volumes`: lists the volumes that are kept between runs, describes some, or removes them. */
export const volumesCommand: CommandRun = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const [action = 'list', ...names] = operands;
  const store = new VolumeStore(resolveDirectories(io.env).volumes);
  const volumes = await readVolumes(store, options);
  const print = async (value: unknown, lines: readonly string[]) => {
    const text = format === 'json' ? JSON.stringify(value, null, 2) : lines.join('\n');
    await writeText(io.stdout, `${text}\n`);
    return 0;
  };
  if (action === 'list' && names.length === 0) {
    const none = ['No volumes yet: `volumes:` of a gondolin.yaml names them.'];
    return print(volumes, volumes.length === 0 ? none : volumeTable(volumes, Date.now()));
  }
  if (!['inspect', 'rm'].includes(action) || names.length === 0) {
    throw usageError(
      `volumes ${operands.join(' ')}: not understood`,
      'Write gondolin volumes, gondolin volumes inspect NAME... or gondolin volumes rm NAME...',
    );
  }
  const chosen = names.map((name) => chooseVolume(volumes, name));
  if (action === 'inspect') return print(chosen, chosen.flatMap(describe));
  for (const { project, name } of chosen) await store.remove(project, name);
  return print(
    chosen.map(volumeTitle),
    chosen.map((one) => `deleted volume ${volumeTitle(one)}, ${formatBytes(one.diskBytes)}`),
  );
};
