import { GondolinError } from '../../errors/gondolin-error.ts';
import type { SandboxNetworkEvent } from '../../net/audit/network-event.ts';
import type { SandboxPlan } from '../../plan/plan.ts';
import { sandboxesNamed } from '../../plan/sandboxes-named.ts';
import type { RunEnvironment } from '../order/sandbox-run.ts';
import { RunOutputs } from '../outputs/run-outputs.ts';
import type { RunChange } from '../run-event.ts';
import type { SandboxResult } from '../run-result.ts';
import type { CreateSandboxVm } from '../runner-vm.ts';
import type { SandboxContext } from '../sandbox-progress.ts';
import { StartSlots } from '../service/start-slots.ts';
import { LiveSandbox, type SandboxSource } from './live-sandbox.ts';
import {
  type ContentFacts,
  changeOf,
  isRealChange,
  NO_FACTS,
  type RealChange,
  type SandboxChange,
} from './sandbox-change.ts';
import { isEnded, type SandboxState } from './sandbox-state.ts';
import { Turns } from './turns.ts';

export interface RunningProjectOptions {
  /** Receives each change, after the state has it. While a promise of it for output is pending, no more of that stream is read. */
  readonly emit: (change: RunChange) => Promise<void>;
  readonly onNetworkEvent?: (event: SandboxNetworkEvent) => void;
  /** Most sandboxes that start or run steps at once; services that are up do not count. */
  readonly maxParallel: number;
  /** Memory for all VMs together, if each grows to its `memory`, in bytes. @default no limit */
  readonly memoryBytes?: number;
}

/** The sandboxes that a project is to have. */
export interface ProjectTarget {
  /** Those to start, with all that they depend on. */
  readonly sandboxes: readonly SandboxPlan[];
  /** Names of all sandboxes of the project file: running ones of other names are removed. */
  readonly names: readonly string[];
  readonly createVm: CreateSandboxVm;
  /** Digests of the files that plans refer to, by sandbox. */
  readonly facts?: ReadonlyMap<string, ContentFacts>;
  /** The option by which running sandboxes are recreated too. @default null */
  readonly forcedBy?: string | null;
}

/** The state that `waitFor` waits for: `started` as in `depends_on`, or `up`: healthy, and without a service completed. */
export type WantedState = 'started' | 'up';

/**
 * The sandboxes of a project while it is used: each can be stopped, started, restarted and run again by its name, while the others
 * continue. Changes are made one after the other. A sandbox's failure is part of its state.
 */
export class RunningProject {
  readonly #options: RunningProjectOptions;
  readonly #slots: StartSlots;
  readonly #turns = new Turns();
  readonly #outputs = new RunOutputs('all');
  #members: readonly LiveSandbox[] = [];

  constructor(options: RunningProjectOptions) {
    this.#options = options;
    this.#slots = new StartSlots({ memoryBytes: Number.POSITIVE_INFINITY, ...options });
  }

  /** The state of each sandbox, in the order of the project file. */
  get states(): readonly SandboxState[] {
    return this.#members.map(({ state }) => state);
  }

  /** The result of the latest life of each sandbox that has ended once, in the order of the project file. */
  get results(): readonly SandboxResult[] {
    return this.#members.flatMap(({ result }) => result ?? []);
  }

  /**
   * Returns the names of the sandboxes that names mean: a sandbox with `matrix:` means all that it made.
   * @param names  Empty for all.
   * @throws {GondolinError} PROJECT_SANDBOX_NOT_FOUND
   */
  namesFor(names: readonly string[]): readonly string[] {
    const members = names.length === 0 ? this.#members : this.#named(names);
    return members.map(({ sandbox }) => sandbox.name);
  }

  /** The plan that a sandbox was started from. @throws {GondolinError} PROJECT_SANDBOX_NOT_FOUND */
  planOf(name: string): SandboxPlan {
    return this.#find(name).sandbox;
  }

  /** Returns what `apply` would do. */
  preview(target: ProjectTarget, isForced = false): readonly SandboxChange[] {
    const changes = target.sandboxes.map((sandbox) => {
      const facts = target.facts?.get(sandbox.name) ?? NO_FACTS;
      const forcedBy = isForced ? '--force' : (target.forcedBy ?? null);
      return changeOf(sandbox, facts, this.#get(sandbox.name), forcedBy);
    });
    const removed = this.#members
      .filter(({ sandbox }) => !target.names.includes(sandbox.name))
      .map(({ sandbox }): SandboxChange => {
        const reasons = ['it is no longer in the project file'];
        return { sandbox: sandbox.name, action: 'remove', reasons };
      });
    return [...changes, ...removed];
  }

  /**
   * Makes the project what is wanted: starts what does not run, replaces what differs, removes what is no longer in the file, and
   * touches nothing else. Resolves once all that had to stop has, and the rest is starting.
   */
  apply(target: ProjectTarget, isForced = false): Promise<readonly RealChange[]> {
    return this.#turns.take(async () => {
      const changes = this.preview(target, isForced).filter(isRealChange);
      for (const change of changes) await this.#emit({ type: 'sandbox-changed', ...change });
      const ending = changes.filter(({ action }) => action !== 'start');
      await this.#stopInOrder(this.#named(ending.map(({ sandbox }) => sandbox)), null);
      this.#members = this.#merge(target, changes);
      const wanted = new Set(changes.map(({ sandbox }) => sandbox));
      for (const sandbox of target.sandboxes.filter(({ name }) => wanted.has(name))) {
        const facts = target.facts?.get(sandbox.name) ?? NO_FACTS;
        this.#launch(this.#find(sandbox.name), { sandbox, createVm: target.createVm, facts });
      }
      return changes;
    });
  }

  /** Starts sandboxes that have ended, and those that they depend on, from the plans that they had. Others are left as they are. */
  start(names: readonly string[]): Promise<void> {
    return this.#turns.take(async () => {
      for (const member of this.#withDependencies(this.#named(names))) {
        const isAsked = names.includes(member.sandbox.name);
        if (
          !member.isAlive &&
          (isAsked || member.state.phase !== 'done' || member.state.isService)
        ) {
          this.#launch(member, member.source);
        }
      }
    });
  }

  /**
   * Stops sandboxes, those that depend on others first, and closes their VMs. Sandboxes that depend on them continue.
   * @param graceMs  Time for each service to end, in milliseconds; null for its own.
   */
  stop(names: readonly string[], graceMs: number | null = null): Promise<void> {
    const members = this.#named(names);
    return this.#turns.take(() => this.#stopInOrder(members, graceMs));
  }

  /**
   * Ends a service's command and starts it again in its VM, whose files it keeps. A sandbox that has ended, or has no service, runs
   * again in a new VM. Resolves once that has begun.
   */
  restart(name: string, graceMs: number | null = null): Promise<void> {
    return this.#turns.take(async () => {
      const member = this.#find(name);
      await this.#emit({ type: 'sandbox-changed', sandbox: name, action: 'restart', reasons: [] });
      const { phase, isService } = member.state;
      if (isService && (phase === 'running' || phase === 'restarting')) {
        member.run?.restarts.request(graceMs);
        return;
      }
      await this.#stopInOrder([member], graceMs);
      this.#launch(member, member.source);
    });
  }

  /**
   * Runs a sandbox again in a new VM, which starts from the latest checkpoint before a step. Resolves once that has begun.
   * @param fromStep  The first step that is run in any case; null runs what no checkpoint has.
   * @param source    What it is started from; its own by default.
   */
  rerun(name: string, fromStep: string | null, source?: SandboxSource): Promise<void> {
    return this.#turns.take(async () => {
      const member = this.#find(name);
      const own = source ?? member.source;
      const index = own.sandbox.steps.findIndex((step) => step.name === fromStep);
      await this.#stopInOrder([member], null);
      this.#launch(member, own, index < 0 ? undefined : index);
    });
  }

  /** Stops all in reverse order: none before those that depend on it. Steps are cancelled at once. */
  async stopAll(reason: unknown, graceMs: number | null = null): Promise<void> {
    // Not in turn: an `apply` that waits for a slow stop must not hold this up.
    for (const member of this.#members) member.cancel(reason);
    await this.#stopInOrder(this.#members, graceMs);
    await this.#turns.take(() => this.#stopInOrder(this.#members, graceMs));
  }

  /**
   * Waits until sandboxes have come so far.
   * @returns the name and reason of the first that never will; null if all have.
   */
  async waitFor(
    names: readonly string[],
    wanted: WantedState,
  ): Promise<{ readonly sandbox: string; readonly reason: string } | null> {
    const waits = this.#named(names).map(async ({ sandbox, run, state }) => {
      if (run === null) return { sandbox: sandbox.name, reason: 'it was not started' };
      const up = state.isService ? 'healthy' : 'completed';
      const reason = await run.milestones.wait(wanted === 'started' ? 'started' : up);
      return reason === null ? null : { sandbox: sandbox.name, reason };
    });
    const failed = new Promise<{ sandbox: string; reason: string }>((resolve) => {
      for (const wait of waits) void wait.then((problem) => problem !== null && resolve(problem));
    });
    return Promise.race([
      failed,
      Promise.all(waits).then((all) => all.find((one) => one !== null) ?? null),
    ]);
  }

  /** Resolves with the result of a sandbox's present life, or of its last. */
  whenEnded(name: string): Promise<SandboxResult> {
    const { run } = this.#find(name);
    if (run === null) throw new Error(`${name} was never started`);
    return run.done;
  }

  /** Resolves once no sandbox is alive and none is about to be. */
  async whenAllEnded(): Promise<void> {
    for (;;) {
      await this.#turns.idle();
      const alive = this.#members.filter(({ isAlive }) => isAlive);
      if (alive.length === 0) return;
      await Promise.all(alive.flatMap(({ run }) => (run === null ? [] : [run.done])));
      // The result is stored by a later callback of the same promise.
      await Promise.resolve();
    }
  }

  #emit(change: RunChange): Promise<void> {
    if ('sandbox' in change) this.#get(change.sandbox)?.observe(change);
    return this.#options.emit(change);
  }

  #get(name: string): LiveSandbox | undefined {
    return this.#members.find(({ sandbox }) => sandbox.name === name);
  }

  #find(name: string): LiveSandbox {
    const found = this.#get(name);
    if (found !== undefined) return found;
    throw this.#unknown(name);
  }

  #unknown(name: string): GondolinError {
    const known = this.#members.map(({ sandbox }) => sandbox.name).join(', ');
    return new GondolinError(
      'PROJECT_SANDBOX_NOT_FOUND',
      `the running project has no sandbox ${JSON.stringify(name)}`,
      { hint: `It has: ${known}.` },
    );
  }

  #named(names: readonly string[]): readonly LiveSandbox[] {
    const states = this.states;
    const found = names.flatMap((name) => {
      const named = sandboxesNamed(states, name);
      if (named.length === 0) throw this.#unknown(name);
      return named.map((state) => this.#find(state.name));
    });
    return [...new Set(found)];
  }

  /** In the order of the project file, so that what others wait for comes with them. */
  #withDependencies(members: readonly LiveSandbox[]): readonly LiveSandbox[] {
    const wanted = new Set(members);
    for (const member of wanted) {
      for (const { name } of member.sandbox.dependsOn) {
        const other = this.#get(name);
        if (other !== undefined) wanted.add(other);
      }
    }
    return this.#members.filter((member) => wanted.has(member));
  }

  /** Adds new sandboxes and forgets removed ones, in the order of the project file. */
  #merge(target: ProjectTarget, changes: readonly SandboxChange[]): readonly LiveSandbox[] {
    const removed = changes.filter(({ action }) => action === 'remove');
    const gone = new Set(removed.map(({ sandbox }) => sandbox));
    const kept = this.#members.filter(({ sandbox }) => !gone.has(sandbox.name));
    const added = target.sandboxes
      .filter(({ name }) => this.#get(name) === undefined)
      .map((sandbox) => new LiveSandbox({ sandbox, createVm: target.createVm }));
    const place = ({ sandbox }: LiveSandbox) => target.names.indexOf(sandbox.name);
    return [...kept, ...added].toSorted((a, b) => place(a) - place(b));
  }

  #launch(member: LiveSandbox, source: SandboxSource, maxRestoredSteps?: number): void {
    const { onNetworkEvent = () => undefined } = this.#options;
    const context: Omit<SandboxContext, 'createVm' | 'cancel'> = {
      emit: (change) => this.#emit(change),
      onNetworkEvent,
      passthrough: null,
      outputs: this.#outputs,
      ...(maxRestoredSteps === undefined ? {} : { maxRestoredSteps }),
    };
    const find: RunEnvironment['find'] = (name) => this.#get(name)?.run ?? undefined;
    member.launch(source, context, { slots: this.#slots, find });
  }

  async #stopInOrder(members: readonly LiveSandbox[], graceMs: number | null): Promise<void> {
    const stopping = new Map<LiveSandbox, Promise<void>>();
    const stop = (member: LiveSandbox): Promise<void> => {
      const begun = stopping.get(member);
      if (begun !== undefined) return begun;
      const { name } = member.sandbox;
      const stopped = (async () => {
        const dependents = members.filter(({ sandbox }) =>
          sandbox.dependsOn.some((dependency) => dependency.name === name),
        );
        await Promise.all(dependents.map(stop));
        await member.stop(graceMs, (change) => this.#emit(change));
      })();
      stopping.set(member, stopped);
      return stopped;
    };
    await Promise.all(members.filter(({ state }) => !isEnded(state)).map(stop));
  }
}
