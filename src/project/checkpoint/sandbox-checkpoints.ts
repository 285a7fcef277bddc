import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { NAMES } from '../../host/directories.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import type { StepOutputs } from '../outputs/parse-outputs.ts';
import type { StepResult } from '../run-result.ts';
import { ChainRecords } from './chain-records.ts';
import type { SavedStep } from './checkpoint-facts.ts';
import { type Checkpoint, CheckpointStore } from './checkpoint-store.ts';
import { digestInputs } from './digest-inputs.ts';
import { DigestMemo } from './digest-memo.ts';
import { type ChainRecord, explainMiss } from './explain-miss.ts';
import { buildKeyChain, type ChainFacts, type KeyChain } from './key-chain.ts';

export interface SandboxCheckpointsOptions {
  readonly plan: Plan;
  readonly sandbox: SandboxPlan;
  readonly facts: ChainFacts;
  /** Base of gondolin's cache. */
  readonly cacheDirectory: string;
  /** Receives one line for each damaged checkpoint, which is then removed. @default damaged ones stay */
  readonly onDamaged?: (message: string) => void;
  /** Called after a checkpoint was saved, with the keys from which this sandbox's steps may still be restored. */
  readonly onSaved?: (keys: readonly string[]) => Promise<void>;
}

/** Whether a step would be restored, and if not, why. */
export type CacheState =
  | { readonly isCached: true }
  | { readonly isCached: false; readonly reason: string };

/** Result of saving: `off` when checkpoints are disabled; `skipped` has the reason why it was not tried. */
export type SaveOutcome =
  | { readonly kind: 'saved'; readonly diskBytes: number }
  | { readonly kind: 'existed' | 'busy' | 'off' }
  | { readonly kind: 'skipped'; readonly reason: string };

/** Returns the number of steps up to the last one with a checkpoint: later steps are never restored. */
function chainedSteps({ steps }: SandboxPlan): number {
  return steps.findLastIndex(({ checkpoint }) => checkpoint) + 1;
}

/** True when a sandbox saves any of its steps. */
export function hasCheckpoints(sandbox: SandboxPlan): boolean {
  return chainedSteps(sandbox) > 0;
}

async function computeChain(
  { plan, sandbox, facts }: SandboxCheckpointsOptions,
  memo: DigestMemo,
): Promise<KeyChain> {
  const inputs = [];
  for (const step of sandbox.steps.slice(0, chainedSteps(sandbox))) {
    inputs.push(await digestInputs(step.inputs, plan.directory, memo));
  }
  await memo.save();
  return buildKeyChain(sandbox, facts, inputs);
}

/** The steps up to the one after which a checkpoint is saved. */
export interface StepsDone {
  readonly results: readonly StepResult[];
  /** The values that each of them wrote to `$GONDOLIN_OUTPUT`. */
  readonly outputs: readonly StepOutputs[];
}

/** Returns a step as it is saved; for one that failed, why nothing is. */
export function savedStep(
  { name, status, exitCode, durationMs, reason }: StepResult,
  outputs: StepOutputs,
): SavedStep | string {
  if (status === 'succeeded' || status === 'skipped') {
    return { status, exitCode, durationMs, reason, outputs };
  }
  return `step ${name} ${status === 'timed-out' ? 'timed out' : status}`;
}

/** The checkpoints of one sandbox in one run: what its steps depend on now, and what is saved. */
export class SandboxCheckpoints {
  readonly #options: SandboxCheckpointsOptions;
  readonly #memo: DigestMemo;
  readonly #chain: KeyChain;
  readonly #record: ChainRecord | null;
  readonly #store: CheckpointStore;
  readonly #records: ChainRecords;
  /** Keys of checkpoints that did not load. */
  readonly #refused = new Set<string>();

  private constructor(
    options: SandboxCheckpointsOptions,
    memo: DigestMemo,
    chain: KeyChain,
    record: ChainRecord | null,
  ) {
    const directory = join(options.cacheDirectory, NAMES.checkpoints);
    this.#options = options;
    this.#memo = memo;
    this.#chain = chain;
    this.#record = record;
    this.#store = new CheckpointStore(directory);
    this.#records = new ChainRecords(directory);
  }

  /**
   * Reads the present inputs of the steps.
   * @throws {GondolinError} PROJECT_INPUT_….
   */
  static async open(options: SandboxCheckpointsOptions): Promise<SandboxCheckpoints> {
    const { cacheDirectory, plan, sandbox } = options;
    const memo = await DigestMemo.open(join(cacheDirectory, NAMES.inputDigests));
    const chain = await computeChain(options, memo);
    const records = new ChainRecords(join(cacheDirectory, NAMES.checkpoints));
    return new SandboxCheckpoints(options, memo, chain, await records.read(plan, sandbox));
  }

  /**
   * Finds the checkpoint after the most first steps that are unchanged; null when there is none.
   * @param maxSteps  Most steps that it may stand for.
   */
  async find(maxSteps = this.#chain.links.length): Promise<Checkpoint | null> {
    const last = Math.min(maxSteps, this.#chain.links.length) - 1;
    for (let index = last; index >= 0; index -= 1) {
      const key = this.#chain.links[index]?.key ?? '';
      if (this.#options.sandbox.steps[index]?.checkpoint !== true || this.#refused.has(key)) {
        continue;
      }
      const found = await this.#findOne(key, index + 1);
      if (found !== null) return found;
    }
    return null;
  }

  async #findOne(key: string, stepCount: number): Promise<Checkpoint | null> {
    try {
      return await this.#store.find(key, stepCount);
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      await this.refuse(key, error);
      return null;
    }
  }

  /** Removes a checkpoint that does not load: the run continues with a shorter one, or none. */
  async refuse(key: string, error: GondolinError): Promise<void> {
    this.#refused.add(key);
    const { onDamaged } = this.#options;
    if (onDamaged === undefined) return;
    const [reason = ''] = error.message.split('\n');
    onDamaged(`a checkpoint did not load and was removed: ${reason}`);
    await this.#store.discard(key);
  }

  /** Records that a checkpoint was restored. */
  async use({ key, steps }: Checkpoint): Promise<void> {
    await this.#store.touch(key);
    const { plan, sandbox } = this.#options;
    const isRecorded = this.#record?.links[steps.length - 1]?.key === key;
    if (!isRecorded) await this.#records.write(plan, sandbox, this.#until(steps.length));
  }

  #until(stepCount: number): KeyChain {
    return { base: this.#chain.base, links: this.#chain.links.slice(0, stepCount) };
  }

  /** Explains why there is no checkpoint after step `index`: `input package.json changed`. */
  explain(index: number): string {
    return explainMiss(this.#record, this.#chain, index);
  }

  /** Returns whether each step would be restored; null for a step without a checkpoint that is not. */
  async states(): Promise<(CacheState | null)[]> {
    const restored = (await this.find())?.steps.length ?? 0;
    return this.#options.sandbox.steps.map((step, index) => {
      if (index < restored) return { isCached: true };
      return step.checkpoint ? { isCached: false, reason: this.explain(index) } : null;
    });
  }

  /**
   * Saves the machine after step `index`, unless an input changed since `open` or a step before it failed.
   * @throws what `save` throws, with nothing of it left.
   */
  async save(
    index: number,
    { results, outputs }: StepsDone,
    save: (machineDirectory: string) => Promise<void>,
    isReplacing: boolean,
  ): Promise<SaveOutcome> {
    const { plan, sandbox } = this.#options;
    const link = this.#chain.links[index];
    if (link === undefined) throw new RangeError(`step ${index} has no checkpoint`);
    const steps: SavedStep[] = [];
    for (const [at, result] of results.slice(0, index + 1).entries()) {
      const step = savedStep(result, outputs[at] ?? {});
      if (typeof step === 'string') return { kind: 'skipped', reason: step };
      steps.push(step);
    }
    const now = await computeChain(this.#options, this.#memo);
    if (now.links[index]?.key !== link.key) {
      const reason = explainMiss(this.#chain, now, index);
      return { kind: 'skipped', reason: `${reason} while the steps ran` };
    }
    const { key, name } = link;
    const facts = {
      version: 1,
      key,
      project: plan.name,
      sandbox: sandbox.name,
      step: name,
    } as const;
    const keep = this.#chain.links.map((other) => other.key);
    const outcome = await this.#store.add({ ...facts, createdAtMs: Date.now(), steps }, save, {
      isReplacing,
    });
    if (outcome.kind === 'saved') await this.#options.onSaved?.(keep);
    await this.#records.write(plan, sandbox, this.#until(index + 1));
    return outcome;
  }
}
