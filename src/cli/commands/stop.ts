import { resolveDirectories } from '../../host/directories.ts';
import { sandboxesNamed } from '../../plan/sandboxes-named.ts';
import { askProject } from '../../project/background/project-client.ts';
import { type FoundProject, listProjects } from '../../project/background/project-record.ts';
import { openFrames } from '../../session/client/session-client.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { findSession, type LiveSession } from '../find-session.ts';
import { type CliIo, writeText } from '../io.ts';
import { findProject } from '../project/find-project.ts';
import { readTimeFlag } from '../project/time-flags.ts';
import { usageError } from '../usage-error.ts';

interface StopFlags {
  readonly timeout?: string;
}

/** A sandbox of a project, or all that a matrix made, which its process stops, or a VM of another. */
type Target =
  | { readonly kind: 'sandbox'; readonly project: FoundProject; readonly name: string }
  | { readonly kind: 'vm'; readonly session: LiveSession };

async function findTarget(
  { io, options }: CommandContext<StopFlags>,
  word: string,
  here: FoundProject | null,
): Promise<Target> {
  const own = sandboxesNamed(here?.record.sandboxes ?? [], word);
  if (here !== null && own.length > 0) return { kind: 'sandbox', project: here, name: word };
  const session = await findSession(io, word, options);
  // A VM that its project did not stop would count as failed.
  for (const project of listProjects(resolveDirectories(io.env).projects)) {
    const state = project.record.sandboxes.find(({ vmId }) => vmId === session.id);
    if (state !== undefined) return { kind: 'sandbox', project, name: state.name };
  }
  return { kind: 'vm', session };
}

async function stopSandboxes(
  { directory }: FoundProject,
  names: readonly string[],
  graceMs: number | null,
  io: CliIo,
): Promise<void> {
  await askProject(directory, { method: 'stop', names, graceMs }, io.signal);
  for (const name of names) await writeText(io.stdout, `${name}\n`);
}

async function stopVm({ id, controlDirectory }: LiveSession, io: CliIo): Promise<void> {
  const { stream } = await openFrames(controlDirectory, 'stop', {}, io.signal);
  // The owner closes the connection when it has closed the VM.
  for await (const _ of stream.frames());
  io.signal.throwIfAborted();
  await writeText(io.stdout, `${id}\n`);
}

/** Stops those of one project together, so that they stop in reverse order. */
async function stopTargets(
  targets: readonly Target[],
  graceMs: number | null,
  io: CliIo,
): Promise<void> {
  const byProject = new Map<string, { project: FoundProject; names: string[] }>();
  for (const target of targets) {
    if (target.kind === 'vm') continue;
    const { project, name } = target;
    const group = byProject.get(project.directory) ?? { project, names: [] };
    group.names.push(name);
    byProject.set(project.directory, group);
  }
  for (const { project, names } of byProject.values()) {
    await stopSandboxes(project, names, graceMs, io);
  }
  for (const target of targets) if (target.kind === 'vm') await stopVm(target.session, io);
}

/** `stop [VM…]`: closes running VMs and stops sandboxes of the project, by default all of it. Returns when nothing of them is left. */
export const stopCommand: CommandRun<StopFlags> = async (context) => {
  const { io, options, operands } = context;
  const graceMs = readTimeFlag('--timeout', options.timeout);
  const found = findProject(io, options);
  const here = found?.isAlive === true ? found : null;
  if (operands.length > 0) {
    // All are found before the first is stopped, so that a mistake stops none.
    const targets = await Promise.all(operands.map((word) => findTarget(context, word, here)));
    await stopTargets(targets, graceMs, io);
    return 0;
  }
  if (here === null) {
    const hint = 'Write gondolin stop VM; without one it stops a project that `up` runs.';
    throw usageError('expected a VM', hint);
  }
  await stopSandboxes(here, [], graceMs, io);
  return 0;
};
