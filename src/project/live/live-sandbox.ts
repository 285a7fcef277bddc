import type { SandboxPlan } from '../../plan/plan.ts';
import { type RunEnvironment, SandboxRun } from '../order/sandbox-run.ts';
import type { RunChange } from '../run-event.ts';
import type { SandboxResult } from '../run-result.ts';
import type { CreateSandboxVm } from '../runner-vm.ts';
import type { SandboxContext } from '../sandbox-progress.ts';
import { StopRequest } from '../service/stop-request.ts';
import { type ContentFacts, NO_FACTS } from './sandbox-change.ts';
import { initialState, isEnded, nextState, type SandboxState } from './sandbox-state.ts';

/** The plan that a sandbox is started from, and the function that starts its VM. */
export interface SandboxSource {
  readonly sandbox: SandboxPlan;
  readonly createVm: CreateSandboxVm;
  readonly facts?: ContentFacts;
}

/** One sandbox of a running project, over all its lives. Its VM is that of the latest. */
export class LiveSandbox {
  #source: SandboxSource;
  #state: SandboxState;
  #run: SandboxRun | null = null;
  #cancel = new AbortController();
  #result: SandboxResult | null = null;
  #resultBefore: SandboxResult | null = null;

  constructor(source: SandboxSource) {
    this.#source = source;
    this.#state = initialState(source.sandbox, new Date().toISOString());
  }

  get sandbox(): SandboxPlan {
    return this.#source.sandbox;
  }

  get source(): SandboxSource {
    return this.#source;
  }

  get facts(): ContentFacts {
    return this.#source.facts ?? NO_FACTS;
  }

  get state(): SandboxState {
    return this.#state;
  }

  /** The latest life; null before the first. */
  get run(): SandboxRun | null {
    return this.#run;
  }

  /** The result of its latest life, while that runs of the one before; null before there is one. */
  get result(): SandboxResult | null {
    return this.#result ?? this.#resultBefore;
  }

  /** True from its start until its VM is closed. */
  get isAlive(): boolean {
    return this.#run !== null && this.#result === null;
  }

  observe(event: RunChange): void {
    this.#state = nextState(this.#state, event, new Date().toISOString());
  }

  /**
   * Begins a life. The sandbox must not be alive.
   * @returns the life, which waits for others first.
   */
  launch(
    source: SandboxSource,
    context: Omit<SandboxContext, 'createVm' | 'cancel'>,
    order: Omit<RunEnvironment, 'context'>,
  ): SandboxRun {
    const run = new SandboxRun(source.sandbox);
    this.#source = source;
    this.#run = run;
    this.#resultBefore = this.#result;
    this.#result = null;
    this.#cancel = new AbortController();
    this.#state = initialState(source.sandbox, new Date().toISOString());
    const { createVm } = source;
    const own: SandboxContext = { ...context, createVm, cancel: this.#cancel.signal };
    void run.start({ ...order, context: own }).then((result) => {
      if (this.#run === run) this.#result = result;
    });
    return run;
  }

  /** Cancels what comes before its service, and marks its end as wanted. */
  cancel(reason: unknown): void {
    this.#cancel.abort(reason);
  }

  /**
   * Ends its life: steps are cancelled, a service gets its signal.
   * @param graceMs  Time for the service, in milliseconds; null for its own.
   */
  async stop(graceMs: number | null, emit: (change: RunChange) => Promise<void>): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    if (!isEnded(this.#state)) {
      const { phase, isService } = this.#state;
      const isServing = isService && (phase === 'running' || phase === 'restarting');
      const isFirst = phase !== 'stopping';
      if (isFirst) await emit({ type: 'sandbox-stopping', sandbox: this.sandbox.name });
      // A service that runs has done its work: its end is no cancellation.
      if (!isServing) this.#cancel.abort();
      run.stop.abort(graceMs === null ? undefined : new StopRequest(graceMs));
    }
    await run.done;
  }
}
