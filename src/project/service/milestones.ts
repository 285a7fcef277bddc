import type { DependencyCondition } from '../../config/config.ts';

interface Milestone {
  readonly settle: (problem: string | null) => void;
  readonly settled: Promise<string | null>;
}

function milestone(): Milestone {
  let settle: Milestone['settle'] = () => undefined;
  const settled = new Promise<string | null>((resolve) => {
    settle = resolve;
  });
  return { settle, settled };
}

/** The states that other sandboxes may wait for. Each is reached or missed once. */
export class Milestones {
  readonly #all: Readonly<Record<DependencyCondition, Milestone>> = {
    started: milestone(),
    healthy: milestone(),
    completed: milestone(),
  };

  reach(condition: DependencyCondition): void {
    this.#all[condition].settle(null);
  }

  /** Gives up those that were not reached. @param reason  Part of a sentence: `db exited 1`. */
  miss(reason: string): void {
    for (const { settle } of Object.values(this.#all)) settle(reason);
  }

  /** Resolves with null when it is reached, or with the reason why it never will be. */
  wait(condition: DependencyCondition): Promise<string | null> {
    return this.#all[condition].settled;
  }
}
