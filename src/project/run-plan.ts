import { availableParallelism } from 'node:os';
import type { SandboxNetworkEvent } from '../net/audit/network-event.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { judgeRun } from './exit-code.ts';
import type { RunChange, RunListener } from './run-event.ts';
import type { RunResult, SandboxResult } from './run-result.ts';
import { runSandbox, type SandboxContext } from './run-sandbox.ts';
import type { CreateSandboxVm, Passthrough, RunnerVm } from './runner-vm.ts';

export interface RunOptions {
  /** Starts the VM of each sandbox: `createSandboxVms`, or a test's own. */
  readonly createVm: CreateSandboxVm;
  /** Called with each VM as soon as it has started. Must not throw. */
  readonly onVmStarted?: (sandbox: string, vm: RunnerVm) => void;
  readonly onEvent?: RunListener;
  /** Told of each event of the network of each sandbox, at once. Must not throw. */
  readonly onNetworkEvent?: (event: SandboxNetworkEvent) => void;
  /** Cancels the run. Aborted with a GondolinError, that error's exit code is the run's; else it is 130. */
  readonly signal?: AbortSignal;
  /** How many VMs at once, from 1. @default half the CPUs, at least 1 */
  readonly maxParallel?: number;
  /** The caller's streams for the one step of an ad-hoc run: no `step-output` events come then. */
  readonly passthrough?: Passthrough;
}

/** How many VMs run at once unless told. */
export function defaultParallel(cpus = availableParallelism()): number {
  return Math.max(1, Math.floor(cpus / 2));
}

/** Events in order to the listener. A listener that throws cancels the run, and `error()` gives what it threw. */
function createEmitter(onEvent: RunListener | undefined) {
  const failing = new AbortController();
  const emit = async (change: RunChange) => {
    if (failing.signal.aborted) return;
    try {
      await onEvent?.({ ...change, time: new Date().toISOString() });
    } catch (error) {
      failing.abort(error);
    }
  };
  return { emit, failed: failing.signal };
}

/** Runs the sandboxes, at most `maxParallel` at once, started in plan order. */
async function runAll(
  sandboxes: readonly SandboxPlan[],
  maxParallel: number,
  context: SandboxContext,
): Promise<SandboxResult[]> {
  const results: SandboxResult[] = [];
  const waiting = sandboxes.entries();
  const work = async () => {
    for (const [index, sandbox] of waiting) results[index] = await runSandbox(sandbox, context);
  };
  await Promise.all(Array.from({ length: Math.min(maxParallel, sandboxes.length) }, work));
  return results;
}

/**
 * Runs the steps of every sandbox of a plan, each sandbox in its own VM, and closes each VM whatever happens.
 * A failure of a sandbox, a step or a VM is in the result and does not touch the other sandboxes.
 *
 * @returns Once every VM is closed. `exitCode` is the first failing step's, in plan order; 3 when something was
 *   blocked where that fails; 124 for a timeout, 125 when the runner failed, 130 (or what `signal` was aborted with) when it was cancelled.
 * @throws What `onEvent` threw; the run is cancelled and cleaned up before.
 */
export async function runPlan(plan: Plan, options: RunOptions): Promise<RunResult> {
  const startedAt = performance.now();
  const maxParallel = options.maxParallel ?? defaultParallel();
  const { emit, failed } = createEmitter(options.onEvent);
  const cancel = options.signal === undefined ? failed : AbortSignal.any([options.signal, failed]);
  const sandboxes = plan.sandboxes.map(({ name, image, steps }) => {
    return { name, image: image.name, steps: steps.map((step) => step.name) };
  });
  await emit({ type: 'run-started', project: plan.name, maxParallel, sandboxes });
  const { createVm, passthrough = null } = options;
  const { onVmStarted = () => undefined, onNetworkEvent = () => undefined } = options;
  const results = await runAll(plan.sandboxes, maxParallel, {
    createVm,
    onVmStarted,
    cancel,
    emit,
    onNetworkEvent,
    passthrough,
  });
  const judged = judgeRun(results, cancel);
  const durationMs = Math.round(performance.now() - startedAt);
  const result: RunResult = { ...judged, durationMs, sandboxes: results };
  await emit({ type: 'run-finished', ...result });
  if (failed.aborted) throw failed.reason;
  return result;
}
