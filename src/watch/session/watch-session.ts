import { relative } from 'node:path';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import type { SyncSummary } from '../../project/copies/sync-trees.ts';
import type { Reruns } from '../../project/rerun/reruns.ts';
import type { RunChange } from '../../project/run-event.ts';
import type { RunResult } from '../../project/run-result.ts';
import { StartSlots } from '../../project/service/start-slots.ts';
import { firstLineOf } from '../../util/first-line-of.ts';
import { createJudge, type Decision, type Decisions } from '../rules/decide.ts';
import { planDifferences } from '../rules/plan-differences.ts';
import { Dependencies } from './dependencies.ts';
import { SandboxLoop } from './sandbox-loop.ts';
import { SandboxSync } from './sandbox-sync.ts';

export interface WatchSessionOptions {
  readonly plan: Plan;
  readonly reruns: Reruns;
  /** Runs one sandbox of a plan: `runPlan`. */
  readonly run: (
    plan: Plan,
    signal: AbortSignal,
    onEvent: (event: RunChange) => void,
  ) => Promise<RunResult>;
  /** Puts changed files into the copies of a sandbox that runs; null when it does not. */
  readonly sync: (sandbox: string, paths: readonly string[]) => Promise<SyncSummary | null>;
  /** Most sandboxes that start or run steps at once. */
  readonly maxParallel: number;
  /** Receives the events of the session; those of its runs are `run`'s. */
  readonly emit: (event: RunChange) => void;
  readonly onResult: (result: RunResult) => void;
  /** Receives an error after which a sandbox does not run any more. */
  readonly onFailure: (error: unknown) => void;
}

const MAX_SHOWN_PATHS = 5;

/** The sandboxes of a plan, each run once and then again whenever files that it depends on change. */
export class WatchSession {
  #plan: Plan;
  readonly #options: WatchSessionOptions;
  readonly #loops = new Map<string, SandboxLoop>();
  readonly #syncs = new Map<string, SandboxSync>();
  readonly #begun = new Set<string>();
  readonly #dependencies = new Dependencies();
  readonly #slots: StartSlots;
  readonly #results = new Map<string, RunResult>();
  #judge: (paths: readonly string[]) => Decisions = () => ({ isReload: false, sandboxes: [] });
  #isStopped = false;

  constructor(options: WatchSessionOptions) {
    this.#options = options;
    this.#plan = options.plan;
    this.#slots = new StartSlots({
      maxParallel: options.maxParallel,
      memoryBytes: Number.POSITIVE_INFINITY,
    });
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** The last result of each sandbox that has one. */
  get results(): readonly RunResult[] {
    return [...this.#results.values()];
  }

  /** Starts the first run of each sandbox, once what it depends on allows it. */
  async start(): Promise<void> {
    this.#judge = await createJudge(this.#plan);
    for (const sandbox of this.#plan.sandboxes) this.#addLoop(sandbox);
    for (const { name, dependsOn } of this.#plan.sandboxes) {
      if (dependsOn.length > 0)
        this.#options.emit({ type: 'sandbox-waiting', sandbox: name, dependsOn });
    }
    this.#beginReady();
  }

  #addLoop(sandbox: SandboxPlan): void {
    const { name } = sandbox;
    const loop = new SandboxLoop(sandbox, {
      run: (wanted, signal) => this.#run(wanted, signal),
      onStart: (from) => {
        this.#syncs.get(name)?.forget();
        this.#options.reruns.of(name).startFrom(from);
      },
      onResult: (result) => {
        this.#results.set(name, result);
        this.#options.onResult(result);
      },
      onFailure: this.#options.onFailure,
    });
    this.#loops.set(name, loop);
    const sync = new SandboxSync({
      sync: (paths) => this.#options.sync(name, paths),
      isStarting: () => loop.isRunning,
      onSynced: (summary, durationMs) =>
        this.#options.emit({ type: 'files-synced', sandbox: name, ...summary, durationMs }),
      onFailure: (error) => this.#startAfter(name, error),
    });
    this.#syncs.set(name, sync);
  }

  /** Files of the guest are old now: only another run has them right. */
  #startAfter(name: string, error: unknown): void {
    // A guest that has ended, or is about to, is followed by a new one anyway.
    if (this.#isStopped || this.#loops.get(name)?.isRunning !== true) return;
    const reason = firstLineOf(error);
    const message = `the changed files could not be put into the guest: ${reason}`;
    this.#options.emit({ type: 'warning', sandbox: name, message });
    this.#again(name, 0);
  }

  /** Begins the sandboxes whose dependencies are ready. */
  #beginReady(): void {
    const names = new Set(this.#loops.keys());
    for (const [name, loop] of this.#loops) {
      if (this.#begun.has(name) || !this.#dependencies.areMet(loop.sandbox, names)) continue;
      this.#begun.add(name);
      // From whatever is cached.
      loop.request(Number.POSITIVE_INFINITY);
    }
  }

  async #run(sandbox: SandboxPlan, signal: AbortSignal): Promise<RunResult> {
    const slot = await this.#slots.take({ memoryBytes: 0, onMemoryWait: () => undefined });
    try {
      const plan = { ...this.#plan, sandboxes: [sandbox] };
      return await this.#options.run(plan, signal, (event) => {
        if (event.type === 'service-started') {
          slot.leave();
          this.#loops.get(sandbox.name)?.serving();
        }
        if (event.type === 'vm-started') this.#syncs.get(sandbox.name)?.flush();
        const reached = this.#dependencies.note(sandbox, event);
        if (reached.length > 0) this.#beginReady();
        if (reached.includes('completed')) this.#runDependents(sandbox.name);
      });
    } finally {
      slot.release();
    }
  }

  /** Runs again what used the results of a sandbox that has run again. */
  #runDependents(name: string): void {
    for (const [other, loop] of this.#loops) {
      const isDependent = loop.sandbox.dependsOn.some(
        (dependency) => dependency.name === name && dependency.condition === 'completed',
      );
      // One that begins now runs anyway.
      if (isDependent && this.#results.has(other)) this.#again(other, 0);
    }
  }

  #again(name: string, from: number): void {
    this.#options.reruns.of(name).changed(from);
    // One that waits for its dependencies has nothing to run again.
    if (this.#begun.has(name)) this.#loops.get(name)?.request(from);
  }

  /** Acts on changed files. @returns Whether the project file must be read again. */
  change(paths: readonly string[]): boolean {
    if (this.#isStopped) return false;
    const { isReload, sandboxes } = this.#judge(paths);
    for (const decision of sandboxes) this.#act(decision);
    return isReload;
  }

  #act({ sandbox, action, from, paths }: Decision): void {
    const step = this.#loops.get(sandbox)?.sandbox.steps[from]?.name ?? null;
    this.#announce(sandbox, action, step, paths);
    if (action === 'sync') this.#syncs.get(sandbox)?.add(paths);
    else if (action !== 'rebuild') this.#again(sandbox, from);
    else {
      void this.#options.reruns
        .of(sandbox)
        .reset()
        .then(() => this.#again(sandbox, 0));
    }
  }

  #announce(
    sandbox: string,
    action: Decision['action'] | 'reload',
    from: string | null,
    paths: readonly string[],
  ): void {
    const { directory } = this.#plan;
    const shown = paths.slice(0, MAX_SHOWN_PATHS).map((path) => relative(directory, path));
    const files = { paths: shown, pathCount: paths.length };
    this.#options.emit({ type: 'change-detected', sandbox, action, from, ...files });
  }

  /** Uses another plan from now on: ends sandboxes that are gone, starts new ones, and runs again what differs. */
  async replace(plan: Plan): Promise<void> {
    const changes = planDifferences(this.#plan, plan);
    const kept = new Set(plan.sandboxes.map(({ name }) => name));
    const gone = [...this.#loops].filter(([name]) => !kept.has(name));
    this.#plan = plan;
    this.#judge = await createJudge(plan);
    for (const [name, loop] of gone) {
      this.#loops.delete(name);
      this.#syncs.delete(name);
      this.#begun.delete(name);
      await loop.stop();
      await this.#options.reruns.of(name).reset();
    }
    for (const { sandbox, from, isOther } of changes) {
      const loop = this.#loops.get(sandbox.name);
      if (loop === undefined) this.#addLoop(sandbox);
      else loop.update(sandbox);
      if (loop === undefined || from === null) continue;
      this.#announce(
        sandbox.name,
        'reload',
        sandbox.steps[from]?.name ?? null,
        plan.configFiles.slice(0, 1),
      );
      if (isOther) await this.#options.reruns.of(sandbox.name).reset();
      this.#again(sandbox.name, from);
    }
    this.#beginReady();
  }

  /** Ends every run: a sandbox ends once those that depend on it have. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const ends = new Map<string, Promise<void>>();
    const end = (name: string, loop: SandboxLoop): Promise<void> => {
      let ending = ends.get(name);
      if (ending === undefined) {
        const dependents = [...this.#loops].filter(([, other]) =>
          other.sandbox.dependsOn.some((dependency) => dependency.name === name),
        );
        ending = Promise.all(dependents.map(([other, of]) => end(other, of))).then(() =>
          loop.stop(),
        );
        ends.set(name, ending);
      }
      return ending;
    };
    await Promise.all([...this.#loops].map(([name, loop]) => end(name, loop)));
    await Promise.all([...this.#syncs.values()].map((sync) => sync.settled()));
  }
}
