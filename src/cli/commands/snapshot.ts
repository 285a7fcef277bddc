import { dirname, relative, resolve } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { checkSnapshotName, SnapshotStore } from '../../project/snapshot/snapshot-store.ts';
import { listSessions, type RunningSession, requestSession } from '../../session/control-client.ts';
import { type CommandRun, chooseFormat, type GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { formatBytes } from '../ui/text/quantities.ts';
import { usageError } from '../usage-error.ts';

interface SnapshotOptions {
  readonly force?: boolean;
  readonly delete?: boolean;
}

/** True when the session's project is in `directory` or above it. */
function isAbove(session: RunningSession, directory: string): boolean {
  const path = relative(session.directory, directory);
  return path === '' || !(path === '..' || path.startsWith('../'));
}

/** Lists the running sandboxes that a command in this directory refers to. */
async function sandboxesHere(io: CliIo, { file, projectName }: GlobalOptions) {
  const all = await listSessions(resolveDirectories(io.env).sessions);
  const directory = file === undefined ? io.cwd : dirname(resolve(io.cwd, file));
  const here = all.filter((session) => {
    return projectName === undefined
      ? isAbove(session, directory)
      : session.project === projectName;
  });
  return here.flatMap((session) => session.sandboxes.map((sandbox) => ({ session, sandbox })));
}

async function chooseSandbox(io: CliIo, options: GlobalOptions, wanted: string | undefined) {
  const running = await sandboxesHere(io, options);
  const matching = running.filter(({ sandbox }) => wanted === undefined || sandbox === wanted);
  const [only, ...others] = matching;
  if (only === undefined) {
    const what = wanted === undefined ? 'no sandbox' : `no sandbox ${plainText(wanted)}`;
    throw new GondolinError('SESSION_NOT_FOUND', `${what} of this project is running`);
  }
  if (others.length > 0) {
    const names = matching.map(({ sandbox, session }) => `${sandbox} (process ${session.pid})`);
    throw usageError(
      `several sandboxes are running: ${names.join(', ')}`,
      'Write gondolin snapshot NAME SANDBOX, with a sandbox that runs only once.',
    );
  }
  return only;
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
    throw usageError(
      'expected a name and at most one sandbox',
      'Write gondolin snapshot NAME [SANDBOX].',
    );
  }
  checkSnapshotName(name);
  if (options.delete === true) return deleteSnapshot(io, name);
  const isReplacing = options.force === true;
  // Checked before some GiB of memory are written.
  if (!isReplacing) await new SnapshotStore(resolveDirectories(io.env).snapshots).checkFree(name);
  const { session, sandbox } = await chooseSandbox(io, options, wanted);
  const request = { method: 'snapshot', name, sandbox, isReplacing } as const;
  const result = await requestSession(session.controlDirectory, request, io.signal);
  const { diskBytes } = Object(result) as { diskBytes?: unknown };
  const size = typeof diskBytes === 'number' ? diskBytes : 0;
  const text =
    format === 'json'
      ? `${JSON.stringify({ name, project: session.project, sandbox, diskBytes: size }, null, 2)}\n`
      : `saved ${plainText(sandbox)} as ${name}, ${formatBytes(size)}. To start from it: gondolin run --from ${name}\n`;
  await writeText(io.stdout, text);
  return 0;
};
