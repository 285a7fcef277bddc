import { EXIT } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { RecordedRun, RecordedShard } from './record-file.ts';
import type { RunRecord, SandboxRecord } from './run-record.ts';

/** The record of one shard. */
interface ShardRun {
  readonly shard: RecordedShard;
  readonly run: RunRecord;
}

function mergeError(message: string): GondolinError {
  return new GondolinError('REPORT_MERGE_REFUSED', `records cannot be merged: ${message}`);
}

function shardRuns(records: readonly RecordedRun[]): ShardRun[] {
  return records.map(({ shard, run }) => {
    if (shard === null) throw mergeError(`one is of a whole run, of ${run.project}`);
    return { shard, run };
  });
}

/** Numbers of the shards that have no record. */
function missingShards(runs: readonly ShardRun[], count: number): number[] {
  const present = new Set(runs.map(({ shard }) => shard.index));
  return Array.from({ length: count }, (_, at) => at + 1).filter((index) => !present.has(index));
}

/** Refuses records that are not of one split: a unit could then be missing, or be there twice. */
function checkSplit([first, ...rest]: readonly ShardRun[]): void {
  if (first === undefined) throw mergeError('there is none');
  const seen = new Set([first.shard.index]);
  for (const { shard, run } of rest) {
    if (run.project !== first.run.project) {
      throw mergeError(`they are of ${first.run.project} and of ${run.project}`);
    }
    if (shard.count !== first.shard.count || shard.split !== first.shard.split) {
      throw mergeError('their shards are of different splits');
    }
    if (seen.has(shard.index)) throw mergeError(`shard ${shard.index} is there twice`);
    seen.add(shard.index);
  }
}

/** Moves a sandbox on the time line, and tells it from its like in other shards. */
function placed(
  sandbox: SandboxRecord,
  { shard, isShared, offsetMs }: { shard: number; isShared: boolean; offsetMs: number },
): SandboxRecord {
  const later = (ms: number | null) => (ms === null ? null : ms + offsetMs);
  return {
    ...sandbox,
    name: isShared ? `${sandbox.name} (shard ${shard})` : sandbox.name,
    startMs: later(sandbox.startMs),
    steps: sandbox.steps.map((step) => ({ ...step, startMs: later(step.startMs) })),
  };
}

function judge(runs: readonly ShardRun[], missing: readonly number[]) {
  const failed = runs.find(({ run }) => run.exitCode !== 0)?.run;
  if (failed !== undefined) return { status: failed.status, exitCode: failed.exitCode };
  if (missing.length > 0) return { status: 'failed', exitCode: EXIT.runner } as const;
  return { status: 'succeeded', exitCode: 0 } as const;
}

/** The shards of one split as one run. */
export interface MergedRun {
  /** Its exit code is that of the first shard that failed, 125 if only some have no record. */
  readonly run: RunRecord;
  /** Numbers of the shards without a record. */
  readonly missing: readonly number[];
  readonly count: number;
}

/**
 * Merges the records of shards into one run. A sandbox that several shards ran, such as a database that all depend on, is there
 * once for each, as `NAME (shard N)`.
 * @throws {GondolinError} REPORT_MERGE_REFUSED unless all are shards of one split, each once.
 */
export function mergeRecords(records: readonly RecordedRun[]): MergedRun {
  const runs = shardRuns(records).toSorted((a, b) => a.shard.index - b.shard.index);
  checkSplit(runs);
  const count = runs[0]?.shard.count ?? 0;
  const missing = missingShards(runs, count);
  const starts = runs.map(({ run }) => Date.parse(run.startedAt));
  const startMs = Math.min(...starts);
  const endMs = Math.max(...runs.map(({ run }, at) => (starts[at] ?? 0) + run.durationMs));
  const names = runs.flatMap(({ run }) => run.sandboxes.map(({ name }) => name));
  const shared = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  const sandboxes = runs.flatMap(({ shard, run }, at) =>
    run.sandboxes.map((sandbox) =>
      placed(sandbox, {
        shard: shard.index,
        isShared: shared.has(sandbox.name),
        offsetMs: (starts[at] ?? 0) - startMs,
      }),
    ),
  );
  const run: RunRecord = {
    project: runs[0]?.run.project ?? '',
    startedAt: new Date(startMs).toISOString(),
    ...judge(runs, missing),
    durationMs: Math.round(endMs - startMs),
    sandboxes,
  };
  return { run, missing, count };
}
