import { isColdForced } from '../../host/cold-start.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { guestAgentPath } from '../../host/package-root.ts';
import { requireTool } from '../../host/tools.ts';
import type { Plan } from '../../plan/plan.ts';
import { adHocPlan } from '../../project/ad-hoc-plan.ts';
import { toErrorData } from '../../project/error-data.ts';
import { runPlan } from '../../project/run-plan.ts';
import type { RunResult, SandboxResult } from '../../project/run-result.ts';
import type { Passthrough } from '../../project/runner-vm.ts';
import type { SandboxVmOptions } from '../../project/sandbox-vm.ts';
import type { CommandRun, GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForOperands, planForSandbox } from '../open-project.ts';
import { selectCommandSandbox } from '../operands.ts';
import { type AuditFlags, openRunAudit, type RunAudit } from '../run-audit.ts';
import { createRenderer } from '../ui/progress/choose-renderer.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { renderErrorData, renderErrorJson } from '../ui/render-error.ts';
import { renderBlocked, renderRunErrors, renderSummary } from '../ui/summary.ts';
import { plainText } from '../ui/text/describe.ts';
import { type Paint, paintFor } from '../ui/text/paint.ts';
import { usageError } from '../usage-error.ts';

type DrawnMode = ReturnType<typeof resolveProgress>;

/** The variables of the environment that are passed to the tools that build images. */
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

function proxyVariables(env: CliIo['env']): Record<string, string> {
  const proxies: Record<string, string> = {};
  for (const name of PROXY_VARIABLES) {
    const value = env[name];
    if (value !== undefined && value !== '') proxies[name] = value;
  }
  return proxies;
}

interface RunOptions {
  /** False with `--no-cache`. */
  readonly cache?: boolean;
  readonly cold?: boolean;
  readonly from?: string;
}

/** Returns the use of checkpoints; a cold start has none. */
function checkpointMode(isCaching: boolean, isCold: boolean) {
  if (isCold) return 'off';
  return isCaching ? 'use' : 'rewrite';
}

function sandboxVmOptions(
  io: CliIo,
  {
    debug = false,
    cache: isCaching = true,
    cold = isColdForced(io.env),
  }: RunOptions & GlobalOptions,
  from: string | null,
  readonlyPaths: readonly string[],
): SandboxVmOptions {
  const debugLog = (component: string, message: string) => {
    void writeText(io.stderr, `[${component}] ${plainText(message)}\n`);
  };
  const { cache, state } = resolveDirectories(io.env);
  return {
    cacheDirectory: cache,
    stateDirectory: state,
    agentPath: guestAgentPath(),
    environment: proxyVariables(io.env),
    secretEnvironment: io.env,
    readonlyPaths,
    cold,
    checkpoints: checkpointMode(isCaching, cold),
    ...(from === null ? {} : { from }),
    ...(debug ? { debug: { debug: '*', debugLog } } : {}),
  };
}

/** Returns the plan of one sandbox with a command in place of its steps. */
function planForCommand(plan: Plan, operands: readonly string[], command: readonly string[]): Plan {
  if (command.length === 0) {
    throw usageError('no command after `--`', 'Add the command: gondolin run -- ls -la');
  }
  return adHocPlan(planForSandbox(plan, selectCommandSandbox(plan, operands)), command);
}

/** Returns the blocked requests for a run without a summary; with `quiet`, only of sandboxes that failed for them. */
function blockedText(result: RunResult, mode: DrawnMode, paint: Paint): string {
  const isFailed = ({ error }: SandboxResult) => error?.code === 'PROJECT_NETWORK_BLOCKED';
  const { sandboxes } = result;
  return renderBlocked(mode === 'quiet' ? sandboxes.filter(isFailed) : sandboxes, paint);
}

/** Returns the plan of the sandbox that starts from a snapshot, and the directory of the saved machine. */
async function planFromSnapshotName(
  plan: Plan,
  name: string,
  io: CliIo,
): Promise<{ plan: Plan; from: string }> {
  const { SnapshotStore } = await import('../../project/snapshot/snapshot-store.ts');
  const { planFromSnapshot } = await import('../../project/snapshot/plan-from-snapshot.ts');
  const { snapshots } = resolveDirectories(io.env);
  const { facts, machineDirectory } = await new SnapshotStore(snapshots).open(name);
  const [first, ...others] = plan.sandboxes;
  const wanted = others.length === 0 ? first : undefined;
  const sandbox = wanted ?? plan.sandboxes.find((one) => one.name === facts.sandbox);
  if (sandbox === undefined) {
    const message = `--from ${name}: the project has no sandbox ${facts.sandbox}`;
    throw usageError(message, `Choose one: gondolin run --from ${name} SANDBOX`);
  }
  const one = planFromSnapshot(planForSandbox(plan, sandbox.name), facts);
  return { plan: one, from: machineDirectory };
}

/** Prints the summary of a run on standard output, and its errors on standard error. */
async function printEnd(result: RunResult, mode: DrawnMode, isRaw: boolean, io: CliIo) {
  if (mode === 'json') return;
  const paint = paintFor(io.stderr, io.env);
  if (mode === 'quiet' || isRaw) {
    await writeText(io.stderr, blockedText(result, mode, paint));
  } else {
    await writeText(io.stdout, renderSummary(result, paintFor(io.stdout, io.env)));
  }
  await writeText(io.stderr, renderRunErrors(result, paint));
  if (result.status === 'cancelled') {
    await writeText(io.stderr, renderErrorData(toErrorData(io.signal.reason), paint));
  }
}

/** Prints the errors of the audit files. Returns the exit code of a run that would otherwise have `exitCode`. */
async function printAuditFailures(
  failures: readonly unknown[],
  mode: DrawnMode,
  exitCode: number,
  io: CliIo,
): Promise<number> {
  const paint = paintFor(io.stderr, io.env);
  for (const failure of failures) {
    const text = renderErrorData(toErrorData(failure), paint);
    await writeText(io.stderr, mode === 'json' ? renderErrorJson(failure) : text);
  }
  const [first] = failures;
  return first === undefined || exitCode !== 0 ? exitCode : toErrorData(first).exit;
}

/** The display of a run, decided before anything is started. */
interface Drawing {
  readonly mode: DrawnMode;
  /** The command of `run -- CMD` uses the streams of this process. */
  readonly isRaw: boolean;
}

/** Runs a plan, displays its progress and writes its audit files. */
async function drawRun(
  plan: Plan,
  { mode, isRaw }: Drawing,
  audit: RunAudit,
  vmOptions: SandboxVmOptions,
  io: CliIo,
): Promise<RunResult> {
  const passthrough: Passthrough = { stdin: io.stdin, stdout: io.stdout, stderr: io.stderr };
  // Loaded only here, because it brings in the code for QEMU, the file server and libc.
  const { createSandboxVms } = await import('../../project/sandbox-vm.ts');
  const renderer = await createRenderer(mode, isRaw, io);
  try {
    return await runPlan(plan, {
      createVm: createSandboxVms(plan, vmOptions),
      onEvent: (event) => renderer.onEvent(event),
      onNetworkEvent: audit.onNetworkEvent,
      signal: io.signal,
      ...(isRaw ? { passthrough } : {}),
    });
  } finally {
    await renderer.end();
  }
}

/**
 * `run`: starts the sandboxes and runs their steps, or one command with the streams of this process.
 * Exits with the code of the first failing step, or of the command.
 */
export const runCommand: CommandRun<RunOptions & NetworkFlags & AuditFlags> = async (context) => {
  const { io, options, operands, trailing } = context;
  const mode = resolveProgress(options.progress, io);
  const whole = await openPlan(io, options);
  const chosen =
    trailing === null
      ? planForOperands(whole, operands)
      : planForCommand(whole, operands, trailing);
  const wanted = withNetworkFlags(chosen, options);
  const { plan, from } =
    options.from === undefined
      ? { plan: wanted, from: null }
      : await planFromSnapshotName(wanted, options.from, io);
  const isRaw = trailing !== null && mode !== 'json';
  // Checked now, not after a minute of building an image.
  requireTool('qemu-system-x86_64', io.env);
  const audit = await openRunAudit(options, io.cwd);
  let failures: readonly unknown[] = [];
  let result: RunResult;
  try {
    const vmOptions = sandboxVmOptions(io, options, from, audit.paths);
    result = await drawRun(plan, { mode, isRaw }, audit, vmOptions, io);
  } finally {
    failures = await audit.close();
  }
  await printEnd(result, mode, isRaw, io);
  return printAuditFailures(failures, mode, result.exitCode, io);
};
