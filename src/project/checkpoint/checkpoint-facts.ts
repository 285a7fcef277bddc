import {
  type Decoder,
  dictionary,
  integer,
  list,
  literal,
  nullable,
  number,
  object,
  sha256,
  text,
  withDefault,
} from '../../util/json-decoder.ts';
import { MAX_OUTPUT_BYTES, type StepOutputs } from '../outputs/parse-outputs.ts';

/** Result of a step before its checkpoint was saved. Steps that failed are in no checkpoint. */
export interface SavedStep {
  readonly status: 'succeeded' | 'skipped';
  /** 0..255; null when it was skipped. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** Reason why it was skipped, as a sentence part. */
  readonly reason: string | null;
  /** The values that it wrote to `$GONDOLIN_OUTPUT`. */
  readonly outputs: StepOutputs;
}

/** Content of `checkpoint.json`. Plain data; names as in the project file. */
export interface CheckpointFacts {
  readonly version: 1;
  /** 64 hex digits. */
  readonly key: string;
  readonly project: string;
  readonly sandbox: string;
  /** The step after which it was saved. */
  readonly step: string;
  readonly createdAtMs: number;
  /** One entry for each step up to that one. */
  readonly steps: readonly SavedStep[];
}

const savedStep = object<SavedStep>({
  status: literal('succeeded', 'skipped'),
  exitCode: nullable(integer()),
  durationMs: number,
  reason: nullable(text()),
  // Those of older versions are still listed and pruned.
  outputs: withDefault(dictionary(text({ maxLength: MAX_OUTPUT_BYTES })), {}),
});

/** Reads `checkpoint.json`. */
export const checkpointFacts: Decoder<CheckpointFacts> = object<CheckpointFacts>({
  version: literal(1),
  key: sha256,
  project: text(),
  sandbox: text(),
  step: text(),
  createdAtMs: number,
  steps: list(savedStep),
});
