import type { SandboxPlan } from '../../plan/plan.ts';
import type { RunResult } from '../../project/run-result.ts';

export interface LoopOptions {
  /** Runs the sandbox once; a service runs until `signal` aborts. */
  readonly run: (sandbox: SandboxPlan, signal: AbortSignal) => Promise<RunResult>;
  /** Called before a run, with the step at which it starts. */
  readonly onStart: (from: number) => void;
  readonly onResult: (result: RunResult) => void;
  /** Receives what `run` threw: no run follows. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Runs one sandbox again and again, one run at a time: what changes while it runs either ends the run or waits for its end. However many
 * changes come meanwhile, one run follows, from the first step that any of them means.
 */
export class SandboxLoop {
  #sandbox: SandboxPlan;
  readonly #options: LoopOptions;
  /** First step of the changes that no run has seen; null for none. */
  #pendingFrom: number | null = null;
  #running: AbortController | null = null;
  #isServing = false;
  #isStopped = false;
  #work: Promise<void> = Promise.resolve();
  #isLooping = false;

  constructor(sandbox: SandboxPlan, options: LoopOptions) {
    this.#sandbox = sandbox;
    this.#options = options;
  }

  get sandbox(): SandboxPlan {
    return this.#sandbox;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Replaces what is run, from the next run on. */
  update(sandbox: SandboxPlan): void {
    this.#sandbox = sandbox;
  }

  /** The steps are done and the service runs: it would not end by itself. */
  serving(): void {
    this.#isServing = true;
    if (this.#pendingFrom !== null) this.#running?.abort();
  }

  /** Requests a run that starts at a step. */
  request(from: number): void {
    if (this.#isStopped) return;
    this.#pendingFrom = Math.min(this.#pendingFrom ?? from, from);
    if (this.#isServing || this.#sandbox.watch.whileRunning === 'cancel') this.#running?.abort();
    if (!this.#isLooping) this.#work = this.#loop().catch(this.#options.onFailure);
  }

  async #loop(): Promise<void> {
    this.#isLooping = true;
    while (this.#pendingFrom !== null && !this.#isStopped) {
      const from = this.#pendingFrom;
      this.#pendingFrom = null;
      this.#running = new AbortController();
      this.#isServing = false;
      this.#options.onStart(from);
      const result = await this.#options.run(this.#sandbox, this.#running.signal);
      this.#running = null;
      this.#isServing = false;
      this.#options.onResult(result);
    }
    this.#isLooping = false;
  }

  /** Ends the run that is under way, and starts none any more. Resolves once its VM has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#running?.abort();
    await this.#work;
  }
}
