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

/** The durations of the steps of an earlier run. */
export interface Durations {
  readonly sandboxes: readonly SandboxDurations[];
}

/** Nothing is known: the split goes by names. */
export const NO_DURATIONS: Durations = { sandboxes: [] };

const MAX_NAME_LENGTH = 256;
const MAX_ENTRIES = 100_000;

const named = text({ maxLength: MAX_NAME_LENGTH });

/** Reads durations from JSON; what else is there is left out. */
const durationsDecoder = object<Durations>({
  sandboxes: list(
    object<SandboxDurations>({
      name: named,
      steps: list(object({ name: named, durationMs: integer() }), { maxLength: MAX_ENTRIES }),
    }),
    { maxLength: MAX_ENTRIES },
  ),
});

/** Reads the durations in a file of `--record`. */
export const recordDurationsDecoder = object<{ readonly run: Durations }>({
  run: durationsDecoder,
});

/** Returns how long a step took, in milliseconds; undefined if that is not known. */
export type DurationOf = (sandbox: string, step: string) => number | undefined;

/** The end of a sandbox's name in the record of merged shards. */
const SHARD_SUFFIX = / \(shard \d+\)$/;

/** Adds up the parts of a step that several shards ran. Steps that did not run, or were restored, say nothing. */
export function durationLookup({ sandboxes }: Durations): DurationOf {
  const known = new Map<string, number>();
  const keyOf = (sandbox: string, step: string) => `${sandbox}\0${step}`;
  for (const sandbox of sandboxes) {
    const name = sandbox.name.replace(SHARD_SUFFIX, '');
    for (const { name: step, durationMs } of sandbox.steps) {
      const key = keyOf(name, step);
      if (durationMs > 0) known.set(key, (known.get(key) ?? 0) + durationMs);
    }
  }
  return (sandbox, step) => known.get(keyOf(sandbox, step));
}
