import { availableParallelism } from 'node:os';
import type { SandboxNetworkEvent } from '../net/audit/network-event.ts';
import type { Plan } from '../plan/plan.ts';
import { judgeRun } from './exit-code.ts';
import { runInOrder } from './order/run-in-order.ts';
import { RunOutputs } from './outputs/run-outputs.ts';
import type { RunChange, RunListener } from './run-event.ts';
import type { RunResult } from './run-result.ts';
import type { CreateSandboxVm, Passthrough } from './runner-vm.ts';

export interface RunOptions {
  /** Starts the VM of each sandbox: `createSandboxVms`, or a test's own. */
  readonly createVm: CreateSandboxVm;
  readonly onEvent?: RunListener;
  /** Receives each network event of each sandbox as it happens. Must not throw. */
  readonly onNetworkEvent?: (event: SandboxNetworkEvent) => void;
  /** Cancels the run. The run's exit code is that of the GondolinError it was aborted with, otherwise 130. */
  readonly signal?: AbortSignal;
  /** Most sandboxes that start or run steps at once, at least 1; services that are up do not count. @default half the CPUs, at least 1 */
  readonly maxParallel?: number;
  /** Memory for all VMs together, if each grows to its `memory`, in bytes. @default no limit */
  readonly memoryBytes?: number;
  /** Outputs of sandboxes that are not part of the plan, and those of this run. @default none but those of this run */
  readonly outputs?: RunOutputs;
  /** The caller's streams for the only step of an ad-hoc run, which then emits no `step-output` events. */
  readonly passthrough?: Passthrough;
}

/** Returns how many VMs run at once by default. */
export function defaultParallel(cpus = availableParallelism()): number {
  return Math.max(1, Math.floor(cpus / 2));
}

/** The first event of a run. */
export function runStarted({ name: project, sandboxes }: Plan, maxParallel: number): RunChange {
  const own = sandboxes.map(({ name, image, steps, service }) => {
    const isService = service !== null;
    return { name, image: image.name, steps: steps.map((step) => step.name), isService };
  });
  return { type: 'run-started', project, maxParallel, sandboxes: own };
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

/**
 * Runs the steps and services of every sandbox of a plan, each sandbox in its own VM, and always closes each VM. A failure of a
 * sandbox, a step or a VM is part of the result and affects only the sandboxes that depend on it.
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
  await emit(runStarted(plan, maxParallel));
  const { createVm, passthrough = null, onNetworkEvent = () => undefined } = options;
  const { memoryBytes = Number.POSITIVE_INFINITY } = options;
  const results = await runInOrder(
    plan.sandboxes,
    { maxParallel, memoryBytes },
    {
      createVm,
      cancel,
      emit,
      onNetworkEvent,
      passthrough,
      outputs: options.outputs ?? new RunOutputs(plan.sandboxes),
    },
  );
  const judged = judgeRun(results, cancel, null);
  const durationMs = Math.round(performance.now() - startedAt);
  const result: RunResult = { ...judged, durationMs, sandboxes: results };
  await emit({ type: 'run-finished', ...result });
  if (failed.aborted) throw failed.reason;
  return result;
}
