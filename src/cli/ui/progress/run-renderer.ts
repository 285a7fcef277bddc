import type { RunEvent } from '../../../project/run-event.ts';

/** Displays a run from its events. */
export interface RunRenderer {
  /** Receives each event in order; for a `step-output` the runner waits for the promise. */
  onEvent(event: RunEvent): void | Promise<void>;
  /** Resolves when everything is displayed. Call it once, after the run. */
  end(): Promise<void>;
}

/** Returns a map key for a step of a sandbox; a step name alone is not unique in a run. */
export function stepKey(event: { readonly sandbox: string; readonly step: string }): string {
  return JSON.stringify([event.sandbox, event.step]);
}
