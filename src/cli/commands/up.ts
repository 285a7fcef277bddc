import type { Plan } from '../../plan/plan.ts';
import { readProject } from '../../project/background/project-record.ts';
import type { RunEvent } from '../../project/run-event.ts';
import type { CommandRun } from '../command-context.ts';
import { type Execution, executePlan, type StartFlags } from '../execute-plan.ts';
import { type CliIo, writeText } from '../io.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { applyToProject } from '../project/apply-to-project.ts';
import { directoryForProject } from '../project/find-project.ts';
import { followProject } from '../project/follow-project.ts';
import { projectSource, readSource, targetLoader } from '../project/load-target.ts';
import { startBackground } from '../project/start-background.ts';
import { readTimeFlag } from '../project/time-flags.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { unknownName, usageError } from '../usage-error.ts';

interface UpFlags extends StartFlags, NetworkFlags {
  readonly exitCodeFrom?: string;
  readonly detach?: boolean;
  readonly wait?: boolean;
  readonly waitTimeout?: string;
  readonly force?: boolean;
  readonly watch?: boolean;
}

/** @throws {GondolinError} CLI_USAGE for a sandbox that is not started. */
function checkExitCodeFrom({ sandboxes }: Plan, name: string | undefined): void {
  const names = sandboxes.map((sandbox) => sandbox.name);
  if (name !== undefined && !names.includes(name)) throw unknownName('sandbox', name, names);
}

const OF_FOREGROUND = {
  exitCodeFrom: '--exit-code-from',
  events: '--events',
  har: '--har',
} as const;

/** @throws {GondolinError} CLI_USAGE for options that have no meaning for a project in another process. */
function checkDetached(options: UpFlags, what: string): void {
  for (const [name, flag] of Object.entries(OF_FOREGROUND)) {
    if (options[name as keyof typeof OF_FOREGROUND] === undefined) continue;
    throw usageError(`${flag}: ${what}`, 'Leave one of them out.');
  }
}

/** The project that `up` is to start, read before anything is started. */
interface Wanted {
  readonly source: ReturnType<typeof projectSource>;
  readonly plan: Plan;
  readonly names: readonly string[];
  readonly directory: string;
}

/** Starts the project in a process of its own, unless it has one, and makes it what the file says. */
async function upInBackground(
  { source, plan, directory }: Wanted,
  isRunning: boolean,
  options: UpFlags,
  io: CliIo,
): Promise<void> {
  const { file, projectName } = source;
  const { wait = false, force: isForced = false } = options;
  const waitLimitMs = readTimeFlag('--wait-timeout', options.waitTimeout);
  if (!isRunning) {
    const isNamed = projectName !== null;
    await startBackground({ directory, file, name: plan.name, isNamed }, io);
  }
  const how = { isForced, wait: wait ? 'up' : 'started', waitLimitMs } as const;
  await applyToProject({ directory, source, ...how }, io, options);
}

/** `up --watch`: like `watch`. */
async function runAgainOnChanges(
  io: CliIo,
  options: UpFlags,
  operands: readonly string[],
): Promise<number> {
  if (options.exitCodeFrom !== undefined) {
    throw usageError(
      '--exit-code-from: watching continues after a sandbox has ended',
      'Leave one of the two out.',
    );
  }
  if (options.detach === true || options.wait === true) {
    throw usageError('--watch: it runs in the foreground', 'Leave out -d and --wait.');
  }
  const { watchPlan } = await import('../watch/watch-plan.ts');
  const load = async () => {
    const chosen = planForSandboxes(await openPlan(io, options), operands, options);
    return withNetworkFlags(chosen, options);
  };
  return watchPlan(load, options, io);
}

/** Runs the project in this process. */
async function upInForeground(
  { source, plan, names, directory }: Wanted,
  options: UpFlags,
  io: CliIo,
): Promise<number> {
  const { exitCodeFrom = null } = options;
  const resolved = resolveProgress(options.progress, io);
  // What services print is what a user of `up` watches: a live list would hide it.
  const mode = resolved === 'tty' ? 'plain' : resolved;
  const { runProject } = await import('../../project/background/run-project.ts');
  const { RunningSandboxes } = await import('../../project/running-sandboxes.ts');
  const { watchKeys } = await import('../project/up-keys.ts');
  const running = new RunningSandboxes();
  const keys = watchKeys(io, mode);
  const place = {
    ...{ directory, file: source.file, isNamed: source.projectName !== null },
    load: targetLoader(io, running),
  };
  const own = {
    ...{ ...place, names, exitCodeFrom },
    onRunning: keys.start,
  };
  const run: Execution['run'] = (it, { onEvent, ...rest }) => {
    const isHidden = ({ type }: RunEvent) => keys.isShellOpen() && type.endsWith('-output');
    const show = (event: RunEvent) => (isHidden(event) ? undefined : onEvent?.(event));
    return runProject(it, { ...rest, onEvent: show }, own);
  };
  const how = { mode, isRaw: false, hasInput: false, hasTerminal: false };
  return executePlan({ plan, from: null, ...how, running, run }, options, io);
}

/**
 * `up`: starts sandboxes with what they depend on, and keeps their services. In the foreground it shows the output of all until Ctrl-C,
 * which stops them, or until all have ended by themselves, and exits as `run` does; with `-d` it returns when they are started. For a
 * project that runs already, it changes what differs from the project file.
 */
export const upCommand: CommandRun<UpFlags> = async ({ io, options, operands }) => {
  if (options.watch === true) return runAgainOnChanges(io, options, operands);
  const source = projectSource(io, options, operands);
  const { plan, names } = await readSource(io, source);
  checkExitCodeFrom(plan, options.exitCodeFrom);
  const directory = directoryForProject(io, options, source.file);
  const wanted = { source, plan, names, directory };
  const isRunning = readProject(directory)?.isAlive === true;
  const isDetached = options.detach === true || options.wait === true;
  if (!isDetached && !isRunning) {
    if (options.waitTimeout !== undefined) throw usageError('--wait-timeout: it goes with --wait');
    return upInForeground(wanted, options, io);
  }
  checkDetached(options, isDetached ? 'it does not go with -d' : 'the project runs already');
  await upInBackground(wanted, isRunning, options, io);
  if (isDetached) return 0;
  await writeText(io.stderr, 'The project runs in another process: Ctrl-C leaves it running.\n');
  return followProject(directory, io);
};
