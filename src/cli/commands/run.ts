import type { Plan } from '../../plan/plan.ts';
import { withDependencies } from '../../plan/with-dependencies.ts';
import { adHocPlan } from '../../project/ad-hoc-plan.ts';
import type { CommandContext, CommandRun } from '../command-context.ts';
import { executePlan, type StartFlags } from '../execute-plan.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForOperands, planForSandbox } from '../open-project.ts';
import { selectCommandSandbox, selectOperands } from '../operands.ts';
import { type ShardFlags, shardOf } from '../shard-flags.ts';
import { planFromSnapshotName } from '../snapshot-plan.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { usageError } from '../usage-error.ts';

interface RunOptions extends StartFlags, ShardFlags {
  /** The cluster whose machines do the work. */
  readonly on?: string;
  readonly shards?: string;
  readonly sendSecrets?: boolean;
  readonly from?: string;
  readonly tty?: boolean;
  readonly watch?: boolean;
}

/** The sandbox of `run SANDBOX -- CMD` with CMD in place of its steps, and those that it depends on; null without CMD. */
function chooseCommand(
  plan: Plan,
  operands: readonly string[],
  command: readonly string[] | null,
): { readonly sandbox: string; readonly plan: Plan } | null {
  if (command === null) return null;
  const sandbox = selectCommandSandbox(plan, operands);
  if (command.length === 0) {
    throw usageError('no command after `--`', 'Add the command: gondolin run -- ls -la');
  }
  const { sandboxes } = adHocPlan(planForSandbox(plan, sandbox), command);
  return { sandbox, plan: withDependencies(plan, sandboxes) };
}

/** The only sandbox that the operands name; null when they name none or several. */
function onlyNamed(plan: Plan, operands: readonly string[]): string | null {
  const [only, ...others] = selectOperands(plan, operands).sandboxes ?? [];
  return others.length === 0 ? (only ?? null) : null;
}

/** `run --watch`: like `watch`, with steps. */
async function runAgainOnChanges({
  io,
  options,
  operands,
  trailing,
}: CommandContext<RunOptions & NetworkFlags>): Promise<number> {
  if (trailing !== null || options.from !== undefined || options.tty === true) {
    throw usageError('--watch: only steps can run again', 'Leave out `-- CMD`, --from and -t.');
  }
  const { watchPlan } = await import('../watch/watch-plan.ts');
  const load = async () => {
    const chosen = planForOperands(await openPlan(io, options), operands, options);
    return withNetworkFlags(chosen, options);
  };
  return watchPlan(load, options, io);
}

/** Options that a run on other machines does not have. */
const LOCAL_ONLY = [
  'shard',
  'events',
  'har',
  'ask',
  'from',
  'tty',
  'allowHost',
  'hostSecret',
  'watch',
] as const;

function flagName(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function refuseClusterFlags(options: RunOptions): void {
  const flag = (['shards', 'sendSecrets'] as const).find((name) => options[name] !== undefined);
  if (flag !== undefined) throw usageError(`${flagName(flag)}: it is an option of --on slurm`);
}

/** Runs the steps on the machines of a cluster. */
async function runElsewhere({
  io,
  options,
  operands,
  trailing,
}: CommandContext<RunOptions & NetworkFlags>): Promise<number> {
  if (options.on !== 'slurm') {
    throw usageError(`--on ${options.on}: want slurm`, 'For others, see gondolin export.');
  }
  if (trailing !== null)
    throw usageError('--on slurm: a single command cannot be split', 'Make CMD a step.');
  const local = LOCAL_ONLY.find((name) => options[name] !== undefined);
  if (local !== undefined) {
    throw usageError(`--on slurm: ${flagName(local)} is for runs on this machine`);
  }
  if (options.progress === 'json') {
    throw usageError('--on slurm: its output is text', 'Use --record for the result as data.');
  }
  const { runOnSlurm } = await import('../run-on-slurm.ts');
  return runOnSlurm(operands, options, io);
}

/**
 * `run`: starts the sandboxes and runs their steps, or one command with the streams of this process.
 * Exits with the code of the first failing step, or of the command.
 */
export const runCommand: CommandRun<RunOptions & NetworkFlags> = async (context) => {
  const { io, options, operands, trailing } = context;
  if (options.on !== undefined) return runElsewhere(context);
  refuseClusterFlags(options);
  if (options.watch === true) return runAgainOnChanges(context);
  const resolved = resolveProgress(options.progress, io);
  // A live list would draw over the questions.
  const mode = options.ask === true && resolved === 'tty' ? 'plain' : resolved;
  const isRaw = trailing !== null && mode !== 'json';
  const hasTerminal = options.tty === true;
  if (hasTerminal && !isRaw) {
    throw usageError('-t: only one command has a terminal', 'Write gondolin run -it -- CMD.');
  }
  if (options.ask === true && trailing !== null) {
    throw usageError(
      '--ask: the command reads the terminal that the questions need',
      'Use --allow-host, or make the command a step.',
    );
  }
  const whole = await openPlan(io, options);
  const command = chooseCommand(whole, operands, trailing);
  if (options.shard !== undefined && command !== null) {
    throw usageError(
      '--shard: a single command cannot be split',
      'Remove --shard, or make CMD a step.',
    );
  }
  const chosen = command?.plan ?? planForOperands(whole, operands, options);
  const { plan: own, shard } = await shardOf(chosen, options, io);
  const wanted = withNetworkFlags(own, options);
  const named = command?.sandbox ?? onlyNamed(whole, operands);
  const start =
    options.from === undefined
      ? { plan: wanted, from: null }
      : await planFromSnapshotName(wanted, options.from, named, io);
  const how = {
    ...{ mode, isRaw, hasInput: true, hasTerminal },
    ...(command === null ? {} : { commandSandbox: command.sandbox }),
  };
  return executePlan({ ...start, ...how, shard }, options, io);
};
