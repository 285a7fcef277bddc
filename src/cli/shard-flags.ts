import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Plan } from '../plan/plan.ts';
import type { Durations } from '../plan/shard/durations.ts';
import type { RecordedShard } from '../report/record-file.ts';
import { type CliIo, writeText } from './io.ts';
import { usageError } from './usage-error.ts';

export interface ShardFlags {
  /** `INDEX/COUNT`, from 1. */
  readonly shard?: string;
  /** File of an earlier run. */
  readonly durations?: string;
}

/** Most shards of one run. */
export const MAX_SHARDS = 1024;

/** One shard of several; `index` counts from 1. */
interface ShardNumber {
  readonly index: number;
  readonly count: number;
}

/** @throws {GondolinError} CLI_USAGE */
function parseShard(text: string): ShardNumber {
  const match = /^(\d{1,5})\/(\d{1,5})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && index >= 1 && index <= count && count <= MAX_SHARDS)
    return { index, count };
  const hint = `Write --shard INDEX/COUNT, such as 1/4: from 1/4 to 4/4, and at most ${MAX_SHARDS} shards.`;
  throw usageError(`--shard ${text}: not one of several shards`, hint);
}

/**
 * Reads the durations of an earlier run; without a file there are none.
 * @throws {GondolinError} SHARD_DURATIONS_INVALID
 */
export async function readDurations(file: string | undefined, cwd: string): Promise<Durations> {
  const { recordDurationsDecoder, NO_DURATIONS } = await import('../plan/shard/durations.ts');
  if (file === undefined) return NO_DURATIONS;
  const path = resolve(cwd, file);
  const invalid = (problem: string, cause?: unknown) =>
    new GondolinError('SHARD_DURATIONS_INVALID', `${path}: ${problem}`, { cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid('it cannot be read', cause);
  });
  const { decodeJson } = await import('../util/json-decoder.ts');
  const decoded = decodeJson(text, recordDurationsDecoder);
  if (decoded.ok) return decoded.value.run;
  throw invalid(decoded.problem);
}

/** A plan, and which shard it is of which split; null for all of it. */
export interface ShardedPlan {
  readonly plan: Plan;
  readonly shard: RecordedShard | null;
}

/**
 * Returns the part of a plan that `--shard` chooses; the whole plan without it.
 * @throws {GondolinError} CLI_USAGE, SHARD_DURATIONS_INVALID
 */
export async function shardOf(plan: Plan, flags: ShardFlags, io: CliIo): Promise<ShardedPlan> {
  if (flags.shard === undefined) {
    if (flags.durations === undefined) return { plan, shard: null };
    throw usageError('--durations: nothing is split', 'Add --shard INDEX/COUNT.');
  }
  const { index, count } = parseShard(flags.shard);
  const durations = await readDurations(flags.durations, io.cwd);
  const { splitPlan } = await import('../plan/shard/split-plan.ts');
  const { planForShard } = await import('../plan/shard/plan-for-shard.ts');
  const { shards, digest } = splitPlan(plan, count, durations);
  const shard = shards[index - 1] ?? { index, work: [] };
  if (shard.work.length === 0) {
    await writeText(io.stderr, `shard ${flags.shard}: nothing is left for it to run\n`);
  }
  return { plan: planForShard(plan, shard), shard: { index, count, split: digest } };
}
