import type { DependencyCondition } from '../config/config.ts';
import { NetworkTally } from '../net/audit/network-tally.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import { collectResults } from './collect-results.ts';
import { toErrorData } from './error-data.ts';
import { judgeSandbox } from './exit-code.ts';
import { resolveSandbox, resolveService } from './outputs/resolve-plan.ts';
import { UsageSampler } from './resource-usage.ts';
import type { SandboxResult } from './run-result.ts';
import type { RunnerVm } from './runner-vm.ts';
import { blockedError, dependencyError, timeoutError } from './sandbox-errors.ts';
import { type SandboxContext, type SandboxProgress, stopReason } from './sandbox-progress.ts';
import type { RestartRequests } from './service/restart-requests.ts';
import { runService } from './service/run-service.ts';
import { passCachedStep, saveAfterStep } from './step/checkpoint-step.ts';
import { decideSkip, hasFailed } from './step/decide-skip.ts';
import { runStep, type StepContext } from './step/run-step.ts';
import { skipRest, skipStep } from './step/skip-step.ts';
import { startTimer } from './step/stop-causes.ts';

/** The place of a sandbox among those that it depends on and that depend on it. */
export interface Supervision {
  /** Why it cannot start, as part of a sentence: `db exited 1`; null if it can. */
  readonly unmet: string | null;
  readonly reach: (condition: DependencyCondition) => void;
  /** Aborts when its service is to stop; its reason may be a `StopRequest`. */
  readonly stop: AbortSignal;
  readonly restarts: RestartRequests;
}

/** Saves a checkpoint unless the run fails for what was blocked: a restored step would no longer be blocked. */
async function saveUnlessBlocked(
  vm: RunnerVm,
  index: number,
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: StepContext,
): Promise<void> {
  if (sandbox.network.onBlocked === 'warn' || progress.network.blockedCount === 0) {
    await saveAfterStep(vm, index, progress.steps, context);
    return;
  }
  const message = `${sandbox.steps[index]?.name ?? ''} was not saved: something was blocked on the network`;
  await context.emit({ type: 'warning', sandbox: sandbox.name, message });
}

/** Runs the steps in order: those of a checkpoint are passed, those without their condition skipped. */
async function runSteps(
  vm: RunnerVm,
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: SandboxContext,
): Promise<void> {
  const stepContext: StepContext = {
    ...context,
    passthrough: context.passthrough?.sandbox === sandbox.name ? context.passthrough : null,
    isOutputRead: false,
    sandbox: sandbox.name,
    deadline: progress.deadline.signal,
  };
  for (const [index, step] of sandbox.steps.entries()) {
    if (stopReason(progress, context.cancel) !== null) return;
    const saved = vm.cachedSteps[index];
    if (saved !== undefined) {
      progress.steps.push(await passCachedStep(step, saved, stepContext));
      continue;
    }
    const why = decideSkip(step, progress.steps);
    if (why !== null) {
      progress.steps.push(await skipStep(sandbox, step, why, context));
      continue;
    }
    const isOutputRead = context.outputs.isRead(sandbox, index);
    const { result, isVmLost } = await runStep(vm, step, { ...stepContext, isOutputRead });
    progress.steps.push(result);
    progress.isVmLost ||= isVmLost;
    if (isVmLost) progress.error ??= result.error;
    const isSaved = vm.savesAfter?.(index) ?? step.checkpoint;
    if (isSaved && result.status === 'succeeded') {
      await saveUnlessBlocked(vm, index, sandbox, progress, stepContext);
    }
  }
}

/** Starts the service after its steps, and keeps it running until it is to stop. */
async function serve(
  vm: RunnerVm,
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  { context, supervision }: { context: SandboxContext; supervision: Supervision },
): Promise<void> {
  const { service, name } = sandbox;
  const isReady = progress.steps.length === sandbox.steps.length && !progress.steps.some(hasFailed);
  if (service === null || !isReady || stopReason(progress, context.cancel) !== null) return;
  const known = resolveService(service, (reference) => context.outputs.get(reference));
  const { result, error, isVmLost } = await runService(vm, known, {
    ...supervision,
    sandbox: name,
    cwd: sandbox.vm.workspace,
    deadline: progress.deadline.signal,
    emit: context.emit,
  });
  progress.service = result;
  progress.error ??= error;
  progress.isVmLost ||= isVmLost;
  progress.isCancelled ||= result.isStopped && context.cancel.aborted;
}

/** Starts the sandbox's timeout, when its VM starts: time to build an image does not count. */
function startDeadline(sandbox: SandboxPlan, limitMs: number, progress: SandboxProgress): void {
  progress.timer = startTimer(limitMs, () => {
    progress.deadline.abort(timeoutError(sandbox, limitMs));
  });
}

async function startSandboxVm(
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: SandboxContext,
): Promise<RunnerVm> {
  const { name, vm: spec, image } = sandbox;
  const { emit, cancel } = context;
  return context.createVm(sandbox, {
    signal: AbortSignal.any([cancel, progress.deadline.signal]),
    onImageProgress: (progress) => {
      void emit({ type: 'image-progress', sandbox: name, image: image.name, ...progress });
    },
    onVmStarting: () => {
      progress.vmStartedAt = performance.now();
      if (spec.timeoutMs !== null) startDeadline(sandbox, spec.timeoutMs, progress);
      const { cpus, memoryBytes } = spec;
      void emit({ type: 'vm-starting', sandbox: name, cpus, memoryBytes });
    },
    onNetworkEvent: (event) => {
      context.onNetworkEvent({ sandbox: name, event });
      const first = progress.network.add(event);
      if (first === null) return;
      const { count: _count, ...facts } = first;
      void emit({ type: 'network-blocked', sandbox: name, ...facts });
    },
    onWarning: (message) => void emit({ type: 'warning', sandbox: name, message }),
    onCheckpointMissed: (step, reason) => {
      void emit({ type: 'checkpoint-missed', sandbox: name, step, reason });
    },
    ...(context.maxRestoredSteps === undefined
      ? {}
      : { maxRestoredSteps: context.maxRestoredSteps }),
  });
}

async function reportStart(
  vm: RunnerVm,
  { name: sandbox }: SandboxPlan,
  progress: SandboxProgress,
  { emit }: SandboxContext,
): Promise<void> {
  const { id: vmId, bootMs, kernelRelease: kernel } = vm;
  progress.bootMs = bootMs;
  progress.kernel = kernel;
  for (const port of vm.ports) await emit({ type: 'port-opened', sandbox, ...port });
  await emit({ type: 'vm-started', sandbox, vmId, bootMs, kernel });
}

/** Starts the VM, runs the steps and the service, and always closes the VM. Errors are kept in `progress`. */
async function runInVm(
  sandbox: SandboxPlan,
  progress: SandboxProgress,
  context: SandboxContext,
  supervision: Supervision,
): Promise<void> {
  let vm: RunnerVm | null = null;
  try {
    const known = resolveSandbox(sandbox, (reference) => context.outputs.get(reference));
    vm = await startSandboxVm(known, progress, context);
    progress.sampler = new UsageSampler(vm.usage, progress.vmStartedAt);
    progress.sampler.start();
    await reportStart(vm, sandbox, progress, context);
    if (sandbox.service === null) supervision.reach('started');
    await runSteps(vm, known, progress, context);
    await serve(vm, known, progress, { context, supervision });
  } catch (error) {
    progress.isVmLost = true;
    const { deadline } = progress;
    if (deadline.signal.aborted) progress.error ??= toErrorData(deadline.signal.reason);
    else if (context.cancel.aborted) progress.isCancelled = true;
    else progress.error ??= toErrorData(error);
  } finally {
    clearTimeout(progress.timer);
  }
  if (progress.deadline.signal.aborted)
    progress.error ??= toErrorData(progress.deadline.signal.reason);
  if (vm !== null && !progress.isVmLost) {
    await collectResults(vm, sandbox, progress, context);
  }
  progress.usage = progress.sampler?.stop(sandbox.vm) ?? null;
  if (vm !== null) progress.writtenFiles = vm.writtenFiles();
  try {
    await vm?.close();
  } catch (error) {
    progress.error ??= toErrorData(error);
  }
}

/** Runs one sandbox from its image to its end. Never rejects: every failure is part of the result. */
export async function runSandbox(
  sandbox: SandboxPlan,
  context: SandboxContext,
  supervision: Supervision,
): Promise<SandboxResult> {
  const startedAt = performance.now();
  context.outputs.clear(sandbox);
  const progress: SandboxProgress = {
    deadline: new AbortController(),
    timer: undefined,
    isCancelled: false,
    steps: [],
    service: null,
    unmet: supervision.unmet,
    bootMs: null,
    artifacts: null,
    tests: null,
    vmStartedAt: startedAt,
    sampler: null,
    usage: null,
    writtenFiles: { files: [], omitted: 0 },
    kernel: null,
    network: new NetworkTally(),
    isVmLost: context.cancel.aborted,
    error: dependencyError(supervision.unmet),
  };
  if (context.cancel.aborted) progress.isCancelled = true;
  else if (supervision.unmet === null) await runInVm(sandbox, progress, context, supervision);
  await skipRest(sandbox, progress, context);
  const network = progress.network.summary();
  progress.error ??= blockedError(sandbox, network);
  const { steps, service, error, bootMs, kernel, artifacts, tests, usage, writtenFiles } = progress;
  const judged = judgeSandbox({ steps, service }, error, progress.isCancelled, context.cancel);
  const durationMs = Math.round(performance.now() - startedAt);
  const { name } = sandbox;
  await context.emit({
    type: 'sandbox-finished',
    sandbox: name,
    ...judged,
    durationMs,
    network,
    error,
  });
  const facts = {
    bootMs,
    kernel,
    steps,
    service,
    network,
    artifacts,
    tests,
    usage,
    writtenFiles,
    error,
  };
  return { name, ...judged, durationMs, ...facts };
}
