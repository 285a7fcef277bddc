import { availableParallelism } from 'node:os';
import type { SandboxNetworkEvent } from '../net/audit/network-event.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { judgeRun } from './exit-code.ts';
import type { RunChange, RunListener } from './run-event.ts';
import type { RunResult, SandboxResult } from './run-result.ts';
import { runSandbox, type SandboxContext } from './run-sandbox.ts';
import type { CreateSandboxVm, Passthrough } from './runner-vm.ts';

export interface RunOptions {
  /** Starts the VM of each sandbox: `createSandboxVms`, or a test's own. */
  readonly createVm: CreateSandboxVm;
  readonly onEvent?: RunListener;
  /** Receives each network event of each sandbox as it happens. Must not throw. */
  readonly onNetworkEvent?: (event: SandboxNetworkEvent) => void;
  /** Cancels the run. The run's exit code is that of the GondolinError it was aborted with, otherwise 130. */
  readonly signal?: AbortSignal;
  /** Most VMs that run at once, at least 1. @default half the CPUs, at least 1 */
  readonly maxParallel?: number;
  /** The caller's streams for the only step of an ad-hoc run, which then emits no `step-output` events. */
  readonly passthrough?: Passthrough;
}

/** Returns how many VMs run at once by default. */
export function defaultParallel(cpus = availableParallelism()): number {
  return Math.max(1, Math.floor(cpus / 2));
}

/** Passes events to the listener in order. A listener that throws aborts `failed` with what it threw. */
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

/** Runs the sandboxes, at most `maxParallel` at once, and starts them in plan order. */
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
 * Runs the steps of every sandbox of a plan, each sandbox in its own VM, and always closes each VM. A failure of a
 * sandbox, a step or a VM is part of the result and does not affect the other sandboxes.
 *
 * @returns The result, once every VM is closed. `exitCode` is that of the first failing step in plan order; 3 when
 *   something was blocked under `on_blocked: fail`; 124 for a timeout; 125 when gondolin failed; 130, or that of the error
 *   `signal` was aborted with, when cancelled.
 * @throws The error that `onEvent` threw, after the run is cancelled and cleaned up.
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
  const { createVm, passthrough = null, onNetworkEvent = () => undefined } = options;
  const results = await runAll(plan.sandboxes, maxParallel, {
    createVm,
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
