import { integer, list, object, text } from '../../util/json-decoder.ts';

/** The durations of the steps of a sandbox. */
export interface SandboxDurations {
  readonly name: string;
  readonly steps: readonly {
    readonly name: string;
    /** All attempts; 0 for a step that did not run. */
    readonly durationMs: number;
  }[];
}

/** The durations of the steps of an earlier run. A record of a run (`--record`) has this form too. */
export interface Durations {
  readonly sandboxes: readonly SandboxDurations[];
}

/** Nothing is known: the split goes by names. */
export const NO_DURATIONS: Durations = { sandboxes: [] };

const MAX_NAME_LENGTH = 256;
const MAX_ENTRIES = 100_000;

const named = text({ maxLength: MAX_NAME_LENGTH });

/** Reads durations from JSON; what else is there is left out. */
export const durationsDecoder = object<Durations>({
  sandboxes: list(
    object<SandboxDurations>({
      name: named,
      steps: list(object({ name: named, durationMs: integer() }), { maxLength: MAX_ENTRIES }),
    }),
    { maxLength: MAX_ENTRIES },
  ),
});

/** Returns how long a step took, in milliseconds; undefined if that is not known. */
export type DurationOf = (sandbox: string, step: string) => number | undefined;

export function durationLookup({ sandboxes }: Durations): DurationOf {
  const known = new Map<string, ReadonlyMap<string, number>>();
  for (const { name, steps } of sandboxes) {
    // Steps that did not run, or were restored from a checkpoint, say nothing.
    const ran = steps.filter(({ durationMs }) => durationMs > 0);
    known.set(name, new Map(ran.map((step) => [step.name, step.durationMs])));
  }
  return (sandbox, step) => known.get(sandbox)?.get(step);
}
