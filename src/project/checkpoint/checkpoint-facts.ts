/** What became of a step before its checkpoint was saved. Steps that failed are in no checkpoint. */
export interface SavedStep {
  readonly status: 'succeeded' | 'skipped';
  /** 0..255; null when it was skipped. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** Why it was skipped, as a sentence part. */
  readonly reason: string | null;
}

/** What a checkpoint says about itself. Plain data; names as the project file has them. */
export interface CheckpointFacts {
  readonly version: 1;
  /** 64 hex digits. */
  readonly key: string;
  readonly project: string;
  readonly sandbox: string;
  /** The step behind which it was saved. */
  readonly step: string;
  readonly createdAtMs: number;
  /** One entry for each step up to that one. */
  readonly steps: readonly SavedStep[];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSavedStep(value: unknown): value is SavedStep {
  if (!isRecord(value)) return false;
  const { status, exitCode, durationMs, reason } = value;
  const isCode = exitCode === null || (Number.isInteger(exitCode) && Number(exitCode) >= 0);
  const isReason = reason === null || typeof reason === 'string';
  return (
    (status === 'succeeded' || status === 'skipped') &&
    isCode &&
    Number.isFinite(durationMs) &&
    isReason
  );
}

/** Reads what a checkpoint says about itself; null when it is cut off, of another version, or not ours. Pure. */
export function parseFacts(text: string): CheckpointFacts | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || value['version'] !== 1) return null;
  const { key, project, sandbox, step, createdAtMs, steps } = value;
  const areTexts = [key, project, sandbox, step].every((field) => typeof field === 'string');
  if (!areTexts || !Number.isFinite(createdAtMs)) return null;
  if (!Array.isArray(steps) || !steps.every(isSavedStep)) return null;
  return value as unknown as CheckpointFacts;
}
