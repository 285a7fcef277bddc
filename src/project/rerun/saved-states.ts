import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SavedStep } from '../checkpoint/checkpoint-facts.ts';

/** A machine saved before a step, for this session only. */
export interface SavedState {
  readonly directory: string;
  /** Names all that the steps before it depended on: see `KeyChain`. */
  readonly key: string;
  /** Results of the steps before it. */
  readonly steps: readonly SavedStep[];
}

/** The machines that one sandbox of a watch session starts again from, by the number of steps that they contain. */
export class SavedStates {
  readonly #parent: string;
  readonly #states = new Map<number, SavedState>();
  #count = 0;

  /** @param parent  A directory of its own; need not exist. */
  constructor(parent: string) {
    this.#parent = parent;
  }

  /** Returns the one that contains the most steps, at most `limit`, of which `isValid` is true. */
  latest(limit: number, isValid: (state: SavedState) => boolean): SavedState | null {
    const counts = [...this.#states.keys()].filter((count) => count <= limit);
    for (const count of counts.toSorted((a, b) => b - a)) {
      const state = this.#states.get(count);
      if (state !== undefined && isValid(state)) return state;
    }
    return null;
  }

  /** True when there is one of that many steps with this key. */
  has(stepCount: number, key: string): boolean {
    return this.#states.get(stepCount)?.key === key;
  }

  /**
   * Adds the machine that `save` writes into the directory it receives, and replaces one of as many steps.
   * @param isWanted  Asked once it is written: false drops it.
   * @throws what `save` throws, with nothing of it left.
   */
  async add(
    state: Omit<SavedState, 'directory'>,
    save: (directory: string) => Promise<void>,
    isWanted: () => boolean,
  ): Promise<void> {
    this.#count += 1;
    const directory = join(this.#parent, String(this.#count));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      await save(directory);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
    if (!isWanted()) {
      await rm(directory, { recursive: true, force: true });
      return;
    }
    const before = this.#states.get(state.steps.length);
    this.#states.set(state.steps.length, { ...state, directory });
    if (before !== undefined) await remove(before);
  }

  /** Drops those that contain more than `stepCount` steps. */
  async keep(stepCount: number): Promise<void> {
    const dropped = [...this.#states].filter(([count]) => count > stepCount);
    for (const [count] of dropped) this.#states.delete(count);
    for (const [, state] of dropped) await remove(state);
  }

  /** Drops one that does not load. */
  async drop(state: SavedState): Promise<void> {
    const { length } = state.steps;
    if (this.#states.get(length) === state) this.#states.delete(length);
    await remove(state);
  }
}

async function remove({ directory }: SavedState): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
