import { isColdForced } from '../../host/cold-start.ts';
import { resolveDirectories } from '../../host/directories.ts';
import { guestAgentPath } from '../../host/package-root.ts';
import { requireTool } from '../../host/tools.ts';
import type { Plan } from '../../plan/plan.ts';
import { adHocPlan } from '../../project/ad-hoc-plan.ts';
import { toErrorData } from '../../project/error-data.ts';
import { runPlan } from '../../project/run-plan.ts';
import type { RunResult } from '../../project/run-result.ts';
import type { Passthrough } from '../../project/runner-vm.ts';
import type { SandboxVmOptions } from '../../project/sandbox-vm.ts';
import type { CommandRun, GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { openPlan, planOfSandbox, planOfWords } from '../open-project.ts';
import { openRunSession } from '../run-session.ts';
import { selectForCommand } from '../select-words.ts';
import { createRenderer } from '../ui/progress/choose-renderer.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import { renderErrorData } from '../ui/render-error.ts';
import { renderRunErrors, renderSummary } from '../ui/summary.ts';
import { plainText } from '../ui/text/describe.ts';
import { paintFor } from '../ui/text/paint.ts';
import { usageError } from '../usage-error.ts';

type DrawnMode = ReturnType<typeof resolveProgress>;

/** What the tools that build images may know of the environment. */
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

function proxiesOf(env: CliIo['env']): Record<string, string> {
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
  readonly from?: string;
}

/** A start without saved machines has no checkpoints either. */
function checkpointsOf(isCaching: boolean, isCold: boolean) {
  if (isCold) return 'off';
  return isCaching ? 'use' : 'rewrite';
}

function vmOptionsOf(
  io: CliIo,
  { debug = false, cache = true }: RunOptions & GlobalOptions,
  from: string | null,
): SandboxVmOptions {
  const debugLog = (component: string, message: string) => {
    void writeText(io.stderr, `[${component}] ${plainText(message)}\n`);
  };
  return {
    cacheDirectory: resolveDirectories(io.env).cache,
    agentPath: guestAgentPath(),
    environment: proxiesOf(io.env),
    checkpoints: checkpointsOf(cache, isColdForced(io.env)),
    ...(from === null ? {} : { from }),
    ...(debug ? { debug: { debug: '*', debugLog } } : {}),
  };
}

/** The plan with one command in place of the steps of one sandbox. */
function planOfCommand(plan: Plan, words: readonly string[], command: readonly string[]): Plan {
  if (command.length === 0) {
    throw usageError('nothing after `--`', 'Write the command there: gondolin run -- ls -la');
  }
  return adHocPlan(planOfSandbox(plan, selectForCommand(plan, words)), command);
}

/** The plan of one sandbox as it goes on from a snapshot, and the directory of the saved machine. */
async function continueFrom(
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
    throw usageError(message, `Name one: gondolin run --from ${name} SANDBOX`);
  }
  const one = planFromSnapshot(planOfSandbox(plan, sandbox.name), facts);
  return { plan: one, from: machineDirectory };
}

/** What is said after a run: the summary as output, the errors as errors. */
async function printEnd(result: RunResult, mode: DrawnMode, isRaw: boolean, io: CliIo) {
  if (mode === 'json') return;
  if (mode !== 'quiet' && !isRaw) {
    await writeText(io.stdout, renderSummary(result, paintFor(io.stdout, io.env)));
  }
  const paint = paintFor(io.stderr, io.env);
  await writeText(io.stderr, renderRunErrors(result, paint));
  if (result.status === 'cancelled') {
    await writeText(io.stderr, renderErrorData(toErrorData(io.signal.reason), paint));
  }
}

/**
 * `run`: boots the sandboxes and runs their steps, or one command with this process's own streams.
 * The exit code is that of the first failing step, or of the command.
 */
export const runRun: CommandRun<RunOptions> = async ({ io, options, words, trailing }) => {
  const mode = resolveProgress(options.progress, io);
  const whole = await openPlan(io, options);
  const wanted =
    trailing === null ? planOfWords(whole, words) : planOfCommand(whole, words, trailing);
  const { plan, from } =
    options.from === undefined
      ? { plan: wanted, from: null }
      : await continueFrom(wanted, options.from, io);
  const isRaw = trailing !== null && mode !== 'json';
  const passthrough: Passthrough = { stdin: io.stdin, stdout: io.stdout, stderr: io.stderr };
  // Not after an image was built for a minute.
  for (const name of ['qemu-system-x86_64', 'setpriv'] as const) requireTool(name, io.env);
  // Loaded once it is clear that a VM is wanted: it brings QEMU's, the file server's and libc's code.
  const { sandboxVmsOf } = await import('../../project/sandbox-vm.ts');
  const renderer = await createRenderer(mode, isRaw, io);
  const warn = (message: string) => {
    if (mode !== 'json') void writeText(io.stderr, `=> warning: ${plainText(message)}\n`);
  };
  const createVm = sandboxVmsOf(plan, vmOptionsOf(io, options, from));
  const session = openRunSession(plan, createVm, io, warn);
  let result: RunResult;
  try {
    result = await runPlan(plan, {
      createVm: session.createVm,
      onEvent: (event) => renderer.onEvent(event),
      signal: io.signal,
      ...(isRaw ? { passthrough } : {}),
    });
  } finally {
    await session.close();
    await renderer.end();
  }
  await printEnd(result, mode, isRaw, io);
  return result.exitCode;
};
