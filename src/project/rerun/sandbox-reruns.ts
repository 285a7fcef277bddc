import { GondolinError } from '../../errors/gondolin-error.ts';
import type { SandboxPlan } from '../../plan/plan.ts';
import { canWait, NextMachine, type TakenMachine } from '../../vm/pool/next-machine.ts';
import type { VMOptions } from '../../vm/vm-options.ts';
import type { SavedStep } from '../checkpoint/checkpoint-facts.ts';
import type { Checkpoint } from '../checkpoint/checkpoint-store.ts';
import type { DigestMemo } from '../checkpoint/digest-memo.ts';
import {
  type SandboxCheckpoints,
  type StepsDone,
  savedStep,
} from '../checkpoint/sandbox-checkpoints.ts';
import { HeldImage } from './held-image.ts';
import { type SavedState, SavedStates } from './saved-states.ts';
import { startPoints } from './start-points.ts';

/** The start of a run: a state of this session, a checkpoint, or neither. */
export interface RunStart {
  /** Directory of the saved machine; null for a new one. */
  readonly directory: string | null;
  /** Results of the steps that it contains. */
  readonly steps: readonly SavedStep[];
  readonly state: SavedState | null;
  readonly checkpoint: Checkpoint | null;
}

/** The facts of one run, read when it starts. */
export interface RunFacts {
  readonly sandbox: SandboxPlan;
  /** Keys of the machines after each step: see `KeyChain`. */
  readonly keys: readonly string[];
  readonly checkpoints: SandboxCheckpoints | null;
}

export interface RerunListener {
  /** Receives why no machine waits for the next run; the run then starts one itself. */
  readonly onFault: (error: unknown) => void;
  /** Called when a machine waits for the next run, with the number of steps that it contains. */
  readonly onReady: (stepCount: number) => void;
}

/** The machine for the next run. */
interface WaitingMachine {
  readonly directory: string | null;
  /** Key of the image that it boots. */
  readonly imageKey: string;
  readonly machine: NextMachine;
}

function savedSteps({ results, outputs }: StepsDone, count: number): SavedStep[] | null {
  const steps: SavedStep[] = [];
  for (const [at, result] of results.slice(0, count).entries()) {
    const step = savedStep(result, outputs[at] ?? {});
    if (typeof step === 'string') return null;
    steps.push(step);
  }
  return steps;
}

/**
 * The starts of one sandbox in a watch session: each run starts from the machine before its first step, and the machine of the next one
 * is prepared meanwhile. A state is of the files as they were: `changed` drops what a change has made old.
 */
export class SandboxReruns {
  readonly #states: SavedStates;
  readonly #onFault: (error: unknown) => void;
  readonly #onReady: (stepCount: number) => void;
  /** Most steps that the next run restores. */
  #limit = Number.POSITIVE_INFINITY;
  /** Most steps of a checkpoint: those after a change that their inputs do not name are old, until they have run. */
  #usable = Number.POSITIVE_INFINITY;
  /** First step of the changes since the present run started. */
  #changedFrom = Number.POSITIVE_INFINITY;
  #facts: RunFacts | null = null;
  #options: VMOptions | null = null;
  #next: WaitingMachine | null = null;
  #imageKey = '';
  #dropping: Promise<void> = Promise.resolve();

  readonly image = new HeldImage();
  /** Returns the digests of inputs that the session knows. */
  readonly memo: () => Promise<DigestMemo>;

  /** @param directory  For its saved machines; need not exist. */
  constructor(
    directory: string,
    memo: () => Promise<DigestMemo>,
    { onFault, onReady }: RerunListener,
  ) {
    this.#states = new SavedStates(directory);
    this.memo = memo;
    this.#onFault = onFault;
    this.#onReady = onReady;
  }

  /** Takes note of a change that means a step; the number of steps means the service. What contains that step is not restored any more. */
  changed(index: number): void {
    this.#usable = Math.min(this.#usable, index);
    this.#changedFrom = Math.min(this.#changedFrom, index);
    this.#dropping = this.#dropping.then(() => this.#states.keep(index)).catch(this.#onFault);
  }

  /** Makes the next run start at a step, at the latest; infinity for the first step that is not cached. */
  startFrom(index: number): void {
    this.#limit = index;
  }

  /** Begins a run. */
  async begin(facts: RunFacts): Promise<void> {
    await this.#dropping;
    this.#facts = facts;
    this.#changedFrom = Number.POSITIVE_INFINITY;
  }

  /** Chooses what contains the most steps before the first one to run. */
  async choose(): Promise<RunStart> {
    const { keys, checkpoints } = this.#factsOfRun();
    const limit = this.#limit;
    const isValid = (of: SavedState) => keys[of.steps.length - 1] === of.key;
    const state = this.#states.latest(limit, isValid);
    const checkpoint = (await checkpoints?.find(Math.min(limit, this.#usable))) ?? null;
    if (state !== null && state.steps.length >= (checkpoint?.steps.length ?? 0)) {
      return { directory: state.directory, steps: state.steps, state, checkpoint: null };
    }
    const { machineDirectory: directory = null, steps = [] } = checkpoint ?? {};
    return { directory, steps, state: null, checkpoint };
  }

  /** Takes the machine that waits for this start with this image; null when none does. @throws the signal's reason */
  async take(
    { directory }: RunStart,
    imageKey: string,
    signal: AbortSignal,
  ): Promise<TakenMachine | null> {
    if (this.#next?.directory !== directory || this.#next.imageKey !== imageKey) return null;
    try {
      return await this.#next.machine.take(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // It was reported when it failed; the run starts a machine of its own.
      if (!GondolinError.is(error)) throw error;
      return null;
    }
  }

  /** Drops a start that does not load. */
  async refuse({ state, checkpoint }: RunStart, error: GondolinError): Promise<void> {
    if (state !== null) await this.#states.drop(state);
    if (checkpoint !== null) await this.#factsOfRun().checkpoints?.refuse(checkpoint.key, error);
  }

  /** Whether a machine is saved after step `index`. */
  savesAfter(index: number): boolean {
    const { sandbox } = this.#factsOfRun();
    return sandbox.steps[index]?.checkpoint === true || startPoints(sandbox).includes(index + 1);
  }

  /** Saves the machine after step `index` for this session, unless there is one, a step has failed, or a change has made it old. */
  async save(
    index: number,
    done: StepsDone,
    save: (directory: string) => Promise<void>,
  ): Promise<void> {
    const { sandbox, keys } = this.#factsOfRun();
    const steps = savedSteps(done, index + 1);
    const key = keys[index];
    const isWanted = () => this.#changedFrom > index;
    if (steps === null || key === undefined || !isWanted()) return;
    this.#usable = Math.max(this.#usable, index + 1);
    if (!startPoints(sandbox).includes(index + 1) || this.#states.has(index + 1, key)) return;
    await this.#states.add({ key, steps }, save, isWanted);
  }

  /** Sets the options of the machines that wait, and the key of their image. */
  use(options: VMOptions, imageKey: string): void {
    this.#options = options;
    this.#imageKey = imageKey;
  }

  /** Prepares a machine for the next run: from where the last change began, or at first from the last place where one can. */
  async prepare(): Promise<void> {
    const options = this.#options;
    if (options === null || this.#facts === null) return;
    if (this.#limit === Number.POSITIVE_INFINITY) {
      this.#limit = startPoints(this.#facts.sandbox).at(-1) ?? 0;
    }
    const { directory, steps } = await this.choose();
    const isOther = this.#next?.directory !== directory || this.#next.imageKey !== this.#imageKey;
    if (isOther) await this.#replace(options, directory);
    this.#next?.machine.ready().then(
      () => this.#onReady(steps.length),
      // It was reported when it failed.
      () => undefined,
    );
  }

  async #replace(options: VMOptions, directory: string | null): Promise<void> {
    const { from: _from, ...rest } = options;
    const wanted = directory === null ? rest : { ...rest, from: directory };
    const before = this.#next;
    this.#next = canWait(wanted)
      ? {
          ...{ directory, imageKey: this.#imageKey },
          machine: new NextMachine(wanted, this.#onFault),
        }
      : null;
    await before?.machine.close();
  }

  /** True when a machine waits for the next run. */
  get isWaiting(): boolean {
    return this.#next?.machine.isReady ?? false;
  }

  /** Drops all machines: the image or the sandbox is another one now. */
  async reset(): Promise<void> {
    await this.close();
    this.changed(0);
    this.startFrom(0);
    await this.#dropping;
  }

  /** Ends the machine that waits, and gives the image back. */
  async close(): Promise<void> {
    const next = this.#next;
    this.#next = null;
    await next?.machine.close();
    await this.image.release();
  }

  #factsOfRun(): RunFacts {
    if (this.#facts === null) throw new Error('no run has begun');
    return this.#facts;
  }
}
