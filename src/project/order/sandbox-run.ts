import type { SandboxPlan } from '../../plan/plan.ts';
import type { SandboxResult } from '../run-result.ts';
import { runSandbox } from '../run-sandbox.ts';
import type { SandboxContext } from '../sandbox-progress.ts';
import { Milestones } from '../service/milestones.ts';
import { aborted } from '../service/pause.ts';
import { RestartRequests } from '../service/restart-requests.ts';
import type { Slot, StartSlots } from '../service/start-slots.ts';
import { hasFailed } from '../step/decide-skip.ts';

/** Returns how a sandbox ended, for those that wait for it: `db exited 1`. */
function describeEnd({ name, status, steps, service, error }: SandboxResult): string {
  if (status === 'cancelled') return `${name} was cancelled`;
  if (error !== null) return `${name}: ${error.message}`;
  const failed = steps.find(hasFailed);
  if (failed !== undefined) return `step ${failed.name} of ${name} failed`;
  if (service?.status === 'failed') return `${name} exited ${service.exitCode ?? 'late'}`;
  return `${name} has ended`;
}

/** The surroundings of a sandbox's run: events, places, other sandboxes. */
export interface RunEnvironment {
  readonly context: SandboxContext;
  readonly slots: StartSlots;
  /** Returns the run of another sandbox; undefined for one that is not started and not waited for. */
  readonly find: (name: string) => Pick<SandboxRun, 'milestones'> | undefined;
}

/** One life of a sandbox among others: it waits for those that it depends on, runs in a VM of its own, and ends with it. */
export class SandboxRun {
  readonly sandbox: SandboxPlan;
  readonly milestones = new Milestones();
  /** Restarts its service. */
  readonly restarts = new RestartRequests();
  /** Stops its service. */
  readonly stop = new AbortController();
  /** Resolves when its VM is closed. Never rejects. */
  readonly done: Promise<SandboxResult>;
  #finish: (result: SandboxResult) => void = () => undefined;

  constructor(sandbox: SandboxPlan) {
    this.sandbox = sandbox;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Waits for its turn and runs it to its end. Called once. */
  async start({ context, slots, find }: RunEnvironment): Promise<SandboxResult> {
    const { name, dependsOn } = this.sandbox;
    if (dependsOn.length > 0) {
      await context.emit({ type: 'sandbox-waiting', sandbox: name, dependsOn });
    }
    const unmet = await this.#waitForOthers(find, aborted(context.cancel));
    const slot = await this.#takeSlot(unmet, context, slots);
    try {
      const result = await this.#run(unmet, context, slot.leave);
      this.#finish(result);
      return result;
    } finally {
      slot.release();
    }
  }

  /** Waits for a place and for memory; one that does not start needs none. */
  async #takeSlot(unmet: string | null, context: SandboxContext, slots: StartSlots): Promise<Slot> {
    const { name: sandbox, vm } = this.sandbox;
    const { memoryBytes: wantedBytes } = vm;
    const slot = await slots.take({
      memoryBytes: unmet === null && !context.cancel.aborted ? wantedBytes : 0,
      onMemoryWait: (freeBytes) => {
        void context.emit({ type: 'memory-waiting', sandbox, wantedBytes, freeBytes });
      },
    });
    if (slot.isOverCommitted) {
      const message = 'starts although the machine has less free memory than its VM may need';
      await context.emit({ type: 'warning', sandbox, message });
    }
    return slot;
  }

  /** Returns why it cannot start, or null. */
  async #waitForOthers(
    find: RunEnvironment['find'],
    cancelled: Promise<void>,
  ): Promise<string | null> {
    for (const { name, condition } of this.sandbox.dependsOn) {
      const reached = find(name)?.milestones.wait(condition) ?? null;
      const problem = await Promise.race([reached, cancelled.then(() => null)]);
      if (problem !== null) return problem;
    }
    return null;
  }

  /** Announces to others what they wait for; when a service is up, gives its place to the next sandbox. */
  async #run(
    unmet: string | null,
    context: SandboxContext,
    onUp: () => void,
  ): Promise<SandboxResult> {
    const { sandbox, milestones, stop, restarts } = this;
    if (sandbox.service !== null) void milestones.wait('healthy').then(onUp);
    const result = await runSandbox(sandbox, context, {
      unmet,
      stop: stop.signal,
      restarts,
      reach: (condition) => milestones.reach(condition),
    });
    if (result.status === 'succeeded') milestones.reach('completed');
    milestones.miss(describeEnd(result));
    return result;
  }
}
