import { dirname, resolve } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { checkSnapshotName, SnapshotStore } from '../../project/snapshot/snapshot-store.ts';
import { requestSession } from '../../session/client/session-client.ts';
import { formatBytes } from '../../util/quantities.ts';
import { type CommandRun, chooseFormat, type GlobalOptions } from '../command-context.ts';
import {
  chooseSession,
  isProjectAbove,
  type LiveSession,
  listLiveSessions,
  sessionTitle,
} from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';

interface SnapshotOptions {
  readonly force?: boolean;
  readonly delete?: boolean;
}

/** Finds the VM to save: the one that is named, else the only one of the project that the command is run in. */
async function chooseVm(
  io: CliIo,
  { file, projectName }: GlobalOptions,
  wanted: string | undefined,
): Promise<LiveSession> {
  const all = await listLiveSessions(io, {});
  const directory = file === undefined ? io.cwd : dirname(resolve(io.cwd, file));
  const ofProject =
    projectName === undefined ? all : all.filter(({ project }) => project === projectName);
  if (wanted !== undefined) return chooseSession(ofProject, wanted, directory);
  const here =
    projectName === undefined ? all.filter((one) => isProjectAbove(one, directory)) : ofProject;
  const [only, ...others] = here;
  if (only === undefined) {
    throw new GondolinError('SESSION_NOT_FOUND', 'no sandbox of this project is running');
  }
  if (others.length === 0) return only;
  throw usageError(
    `several sandboxes are running: ${here.map(sessionTitle).join(', ')}`,
    'Write gondolin snapshot NAME VM, with the id or the name of one.',
  );
}

async function deleteSnapshot(io: CliIo, name: string): Promise<number> {
  await new SnapshotStore(resolveDirectories(io.env).snapshots).remove(name);
  await writeText(io.stdout, `deleted snapshot ${name}\n`);
  return 0;
}

/** `snapshot`: saves a running sandbox under a name. It continues afterwards. */
export const snapshotCommand: CommandRun<SnapshotOptions> = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const [name, wanted, ...rest] = operands;
  if (name === undefined || rest.length > 0 || (options.delete === true && wanted !== undefined)) {
    throw usageError('expected a name and at most one VM', 'Write gondolin snapshot NAME [VM].');
  }
  checkSnapshotName(name);
  if (options.delete === true) return deleteSnapshot(io, name);
  const isReplacing = options.force === true;
  // Checked before some GiB of memory are written.
  if (!isReplacing) await new SnapshotStore(resolveDirectories(io.env).snapshots).checkFree(name);
  const session = await chooseVm(io, options, wanted);
  const request = { name, isReplacing };
  const result = await requestSession(session.controlDirectory, 'snapshot', request, io.signal);
  const { diskBytes } = Object(result) as { diskBytes?: unknown };
  const size = typeof diskBytes === 'number' ? diskBytes : 0;
  const text =
    format === 'json'
      ? `${JSON.stringify({ name, project: session.project, sandbox: session.sandbox, diskBytes: size }, null, 2)}\n`
      : `saved ${plainText(session.sandbox ?? session.id)} as ${name}, ${formatBytes(size)}. To start from it: gondolin ${session.project === null ? 'bash --resume' : 'run --from'} ${name}\n`;
  await writeText(io.stdout, text);
  return 0;
};
