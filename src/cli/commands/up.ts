import { readProject } from '../../project/background/project-record.ts';
import type { CommandRun } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForSandboxes } from '../open-project.ts';
import { applyToProject } from '../project/apply-to-project.ts';
import { followProject } from '../project/follow-project.ts';
import { readWanted } from '../project/read-wanted.ts';
import { startBackground } from '../project/start-background.ts';
import { readTimeFlag } from '../project/time-flags.ts';
import { type UpFlags, upInForeground, type WantedProject } from '../project/up-in-foreground.ts';
import { usageError } from '../usage-error.ts';

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

/** Starts the project in a process of its own, unless it has one, and makes it what the file says. */
async function upInBackground(
  { source, plan, directory }: WantedProject,
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
    const hint =
      'Leave out -d and --wait; in a terminal of its own, `gondolin watch` does the same.';
    throw usageError('--watch: it runs in the foreground', hint);
  }
  const { watchPlan } = await import('../watch/watch-plan.ts');
  const load = async () => {
    const chosen = planForSandboxes(await openPlan(io, options), operands, options);
    return withNetworkFlags(chosen, options);
  };
  return watchPlan(load, options, io);
}

/** On a terminal keys are read, and the project can be left running. */
function isOnTerminal({ stdin, stderr }: CliIo, { progress }: UpFlags): boolean {
  return stdin.isTTY === true && stderr.isTTY === true && progress !== 'json';
}

/**
 * `up`: starts sandboxes with what they depend on, and keeps their services. In the foreground it shows the output of all until Ctrl-C,
 * which stops them, or until all have ended by themselves, and exits as `run` does; with `-d` it returns when they are started. For a
 * project that runs already, it changes what differs from the project file.
 */
export const upCommand: CommandRun<UpFlags> = async ({ io, options, operands }) => {
  if (options.watch === true) return runAgainOnChanges(io, options, operands);
  const wanted = await readWanted(io, options, operands);
  const { directory } = wanted;
  const isRunning = readProject(directory)?.isAlive === true;
  const isDetached = options.detach === true || options.wait === true;
  if (!isDetached && !isRunning) {
    if (options.waitTimeout !== undefined) throw usageError('--wait-timeout: it goes with --wait');
    if (!isOnTerminal(io, options)) return upInForeground(wanted, options, io);
    const { upOnTerminal } = await import('../project/terminal-project.ts');
    return upOnTerminal({ options, operands }, directory, io);
  }
  checkDetached(options, isDetached ? 'it does not go with -d' : 'the project runs already');
  await upInBackground(wanted, isRunning, options, io);
  if (isDetached) return 0;
  await writeText(io.stderr, 'The project runs in another process: Ctrl-C leaves it running.\n');
  return followProject(directory, io);
};
