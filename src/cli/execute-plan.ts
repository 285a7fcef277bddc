import { join, resolve } from 'node:path';
import { isColdForced } from '../host/cold-start.ts';
import { resolveDirectories } from '../host/directories.ts';
import { guestAgentPath } from '../host/package-root.ts';
import { qemuName, requireTool } from '../host/tools.ts';
import { archOf } from '../image/recipe.ts';
import type { Plan } from '../plan/plan.ts';
import type { ArtifactsDirectory } from '../project/artifacts.ts';
import { checkMemoryOf } from '../project/check-memory.ts';
import { toErrorData } from '../project/error-data.ts';
import { type RunOptions, runPlan } from '../project/run-plan.ts';
import type { RunResult, SandboxResult } from '../project/run-result.ts';
import type { Passthrough } from '../project/runner-vm.ts';
import type { RunningSandboxes } from '../project/running-sandboxes.ts';
import type { SandboxVmOptions, SavedStart } from '../project/sandbox-vm-options.ts';
import type { RecordedShard } from '../report/record-file.ts';
import { memoryForVms } from '../vm/pool/memory-limit.ts';
import { askOnTerminal } from './ask-on-terminal.ts';
import type { GlobalOptions } from './command-context.ts';
import type { ImageFlags } from './image-flags.ts';
import { type CliIo, writeText } from './io.ts';
import { ownTerminal } from './own-terminal.ts';
import { type AuditFlags, openRunAudit, type RunAudit } from './run-audit.ts';
import { openRunReports, type ReportFlags, type RunReports } from './run-reports.ts';
import { createRenderer } from './ui/progress/choose-renderer.ts';
import type { resolveProgress } from './ui/progress/progress-mode.ts';
import { renderErrorData, renderErrorJson } from './ui/render-error.ts';
import { renderBlocked, renderRunErrors, renderSummary } from './ui/summary.ts';
import { plainText } from './ui/text/describe.ts';
import { type Paint, paintFor } from './ui/text/paint.ts';

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

/** Options of every command that starts VMs. */
export interface StartFlags extends GlobalOptions, AuditFlags, ReportFlags, ImageFlags {
  /** False with `--no-cache`. */
  readonly cache?: boolean;
  readonly cold?: boolean;
  /** Builds the images again, and uses no checkpoint that exists. */
  readonly build?: boolean;
  /** Asks on the terminal about hosts that the policy does not name. */
  readonly ask?: boolean;
  /** Most sandboxes that start or run steps at once. @default by the CPUs */
  readonly parallel?: number;
  /** Directory for artifacts, relative to the current one. */
  readonly artifacts?: string;
  /** Opens the VM for SSH clients. */
  readonly ssh?: boolean;
}

/** Returns the use of checkpoints; a cold start has none. */
function checkpointMode(isCaching: boolean, isCold: boolean) {
  if (isCold) return 'off';
  return isCaching ? 'use' : 'rewrite';
}

/** Returns the options of the VMs that a command starts. @param readonlyPaths  Files that no guest may write. */
export function sandboxVmOptions(
  io: CliIo,
  flags: StartFlags,
  {
    from,
    label,
    running,
    isHeld = false,
  }: Pick<Execution, 'from' | 'label' | 'running' | 'isHeld'>,
  readonlyPaths: readonly string[],
): SandboxVmOptions {
  const { debug = false, cache: isCaching = true, ssh = false, ask = false } = flags;
  const { cold = isColdForced(io.env), build = false } = flags;
  const debugLog = (component: string, message: string) => {
    void writeText(io.stderr, `[${component}] ${plainText(message)}\n`);
  };
  const onSsh = (command: string) => void writeText(io.stderr, `${command}\n`);
  const { cache, state } = resolveDirectories(io.env);
  return {
    cacheDirectory: cache,
    stateDirectory: state,
    agentPath: guestAgentPath(),
    environment: proxyVariables(io.env),
    secretEnvironment: io.env,
    readonlyPaths,
    cold,
    checkpoints: checkpointMode(isCaching && !build, cold),
    ...(build ? { rebuildBeforeMs: Date.now() } : {}),
    ...(from === null ? {} : { from }),
    ...(label === undefined ? {} : { label }),
    isHeld,
    ...(running === undefined ? {} : { running }),
    ...(ssh ? { onSsh } : {}),
    ...(ask ? { onAsk: askOnTerminal(io) } : {}),
    ...(debug ? { debug: { debug: ['sandbox', 'network'], debugLog } } : {}),
  };
}

/** Returns the blocked requests for a run without a summary; with `quiet`, only of sandboxes that failed for them. */
function blockedText(result: RunResult, mode: DrawnMode, paint: Paint): string {
  const isFailed = ({ error }: SandboxResult) => error?.code === 'PROJECT_NETWORK_BLOCKED';
  const { sandboxes } = result;
  return renderBlocked(mode === 'quiet' ? sandboxes.filter(isFailed) : sandboxes, paint);
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

/** Prints the errors of the audit files and reports. Returns the exit code of a run that would otherwise have `exitCode`. */
async function printFileFailures(
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

/** A plan to run, and how. */
export interface Execution {
  readonly plan: Plan;
  /** The saved machine that one of its sandboxes starts from, or null. */
  readonly from: SavedStart | null;
  /** The display, decided before anything is started. */
  readonly mode: DrawnMode;
  /** The only command uses the streams of this process. */
  readonly isRaw: boolean;
  /** The sandbox of that command. @default the first one */
  readonly commandSandbox?: string;
  /** It reads the standard input of this process. */
  readonly hasInput: boolean;
  /** It runs on a terminal. */
  readonly hasTerminal: boolean;
  /** Name of the VM for other commands. */
  readonly label?: string;
  /** The VM stays after its command until it is stopped. @default false */
  readonly isHeld?: boolean;
  /** The VMs that sandboxes reach by name. @default those of the run */
  readonly running?: RunningSandboxes;
  /** Runs the plan. @default runPlan */
  readonly run?: (plan: Plan, options: RunOptions) => Promise<RunResult>;
  /** The shard that the plan is of a split. @default none */
  readonly shard?: RecordedShard | null;
}

/** The sandbox whose command has the streams of this process; null if none has. */
function rawSandbox({ isRaw, commandSandbox, plan }: Execution): string | null {
  return isRaw ? (commandSandbox ?? plan.sandboxes[0]?.name ?? null) : null;
}

function passthroughOf(
  io: CliIo,
  sandbox: string,
  { hasInput, hasTerminal }: Execution,
): Passthrough {
  return {
    sandbox,
    stdin: hasInput ? io.stdin : null,
    stdout: io.stdout,
    stderr: io.stderr,
    terminal: hasTerminal ? ownTerminal(io) : null,
  };
}

/** The files that a run writes. */
interface RunFiles {
  readonly audit: RunAudit;
  readonly reports: RunReports;
}

/** Runs the plan, displays its progress and records it in its files. */
async function drawRun(
  execution: Execution,
  { audit, reports }: RunFiles,
  { vmOptions, parallel }: { vmOptions: SandboxVmOptions; parallel: number | undefined },
  io: CliIo,
): Promise<RunResult> {
  const { plan, mode, run = runPlan } = execution;
  const raw = rawSandbox(execution);
  // Loaded only here, because it brings in the code for QEMU, the file server and libc.
  const { createSandboxVms } = await import('../project/sandbox-vm.ts');
  const renderer = await createRenderer(mode, raw, io);
  try {
    return await run(plan, {
      createVm: createSandboxVms(plan, vmOptions),
      onEvent: (event) => {
        reports.onEvent(event);
        return renderer.onEvent(event);
      },
      onNetworkEvent: audit.onNetworkEvent,
      signal: io.signal,
      memoryBytes: memoryForVms(),
      ...(parallel === undefined ? {} : { maxParallel: parallel }),
      ...(raw === null ? {} : { passthrough: passthroughOf(io, raw, execution) }),
    });
  } finally {
    await renderer.end();
  }
}

/** Opens the directory for artifacts before any guest runs; null if no sandbox has any. */
async function openArtifacts(
  plan: Plan,
  { artifacts }: StartFlags,
  { cwd }: CliIo,
): Promise<ArtifactsDirectory | null> {
  if (plan.sandboxes.every((sandbox) => sandbox.artifacts.length === 0)) return null;
  const { ArtifactsDirectory: Directory } = await import('../project/artifacts.ts');
  const usual = join(plan.directory, 'gondolin-artifacts');
  return new Directory(artifacts === undefined ? usual : resolve(cwd, artifacts));
}

/**
 * Runs a plan from the check of this machine to the summary.
 * @returns The exit code: that of the first failing step, or of the only command.
 */
export async function executePlan(
  execution: Execution,
  flags: StartFlags,
  io: CliIo,
): Promise<number> {
  const { mode, isRaw } = execution;
  // Checked now, not after a minute of building an image.
  for (const { image } of execution.plan.sandboxes) {
    requireTool(qemuName(archOf(image.recipe) ?? 'x86_64'), io.env);
  }
  checkMemoryOf(execution.plan);
  const reports = await openRunReports(flags, io, {
    isTextAllowed: !isRaw && mode !== 'json',
    shard: execution.shard ?? null,
  });
  const audit = await openRunAudit(flags, io.cwd);
  let failures: readonly unknown[] = [];
  let result: RunResult;
  let artifacts: ArtifactsDirectory | null = null;
  try {
    artifacts = await openArtifacts(execution.plan, flags, io);
    const vmOptions = sandboxVmOptions(io, flags, execution, [...audit.paths, ...reports.paths]);
    const where = artifacts === null ? {} : { artifacts };
    const how = { vmOptions: { ...vmOptions, ...where }, parallel: flags.parallel };
    result = await drawRun(execution, { audit, reports }, how, io);
  } finally {
    failures = await audit.close();
    artifacts?.close();
  }
  await printEnd(result, mode, isRaw, io);
  failures = [...failures, ...(await reports.write())];
  return printFileFailures(failures, mode, result.exitCode, io);
}
