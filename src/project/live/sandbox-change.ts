import type { SandboxPlan } from '../../plan/plan.ts';
import type { SandboxAction } from '../run-event.ts';
import { changedKeys } from './plan-changes.ts';
import { isEnded, type SandboxState } from './sandbox-state.ts';

/** Digests of what a sandbox's plan only refers to, by the key that refers to it: `network.policy_script`. */
export type ContentFacts = Readonly<Record<string, string>>;

export const NO_FACTS: ContentFacts = {};

/** The action of `up` on a sandbox, and its reasons. `keep`: none. */
export interface SandboxChange {
  readonly sandbox: string;
  readonly action: Exclude<SandboxAction, 'restart'> | 'keep';
  /** Keys of the project file that differ, or part of a sentence. Never values. */
  readonly reasons: readonly string[];
}

/** A change that does something. */
export type RealChange = SandboxChange & {
  readonly action: Exclude<SandboxChange['action'], 'keep'>;
};

export function isRealChange(change: SandboxChange): change is RealChange {
  return change.action !== 'keep';
}

/** A sandbox as it was started. */
export interface StartedSandbox {
  readonly sandbox: SandboxPlan;
  readonly facts: ContentFacts;
  readonly state: SandboxState;
}

function changedFacts(before: ContentFacts, after: ContentFacts): string[] {
  return Object.keys(after).filter((key) => key in before && before[key] !== after[key]);
}

/** Returns why an ended sandbox is to run again; null if its work is done. */
function whyAgain({ phase, isService, exitCode }: SandboxState): string | null {
  if (phase === 'stopped') return 'it was stopped';
  if (phase === 'failed') return 'it failed';
  return isService ? `it exited ${exitCode ?? 0}` : null;
}

/**
 * Decides about one sandbox that is wanted. Pure.
 * @param started   The sandbox as it runs or ran last; undefined for a new one.
 * @param forcedBy  The option by which it is recreated even if nothing differs; null for none.
 */
export function changeOf(
  wanted: SandboxPlan,
  facts: ContentFacts,
  started: StartedSandbox | undefined,
  forcedBy: string | null,
): SandboxChange {
  const change = (action: SandboxChange['action'], reasons: readonly string[]) => {
    return { sandbox: wanted.name, action, reasons };
  };
  if (started === undefined) return change('start', ['it is new']);
  const keys = changedKeys(started.sandbox, wanted);
  const contents = changedFacts(started.facts, facts).map((key) => `the content of ${key}`);
  const reasons = [...keys, ...contents];
  const hasEnded = isEnded(started.state);
  if (reasons.length > 0) return change(hasEnded ? 'start' : 'recreate', reasons);
  if (forcedBy !== null) return change(hasEnded ? 'start' : 'recreate', [forcedBy]);
  const again = hasEnded ? whyAgain(started.state) : null;
  return again === null ? change('keep', []) : change('start', [again]);
}
