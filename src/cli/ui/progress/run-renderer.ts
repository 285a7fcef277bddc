import type { RunEvent } from '../../../project/run-event.ts';

/** Draws a run from its events. */
export interface RunRenderer {
  /** Takes each event in order; the runner waits for a promise of a `step-output`. */
  onEvent(event: RunEvent): void | Promise<void>;
  /** Resolves when everything is drawn. Call it once, after the run. */
  end(): Promise<void>;
}

/** `sandbox step` as a key of maps; a step name alone is not unique in a run. */
export function stepKey(event: { readonly sandbox: string; readonly step: string }): string {
  return JSON.stringify([event.sandbox, event.step]);
}
