import { resolve } from 'node:path';
import { type ClusterJob, clusterJob } from '../cluster/cluster-job.ts';
import type { Plan } from '../plan/plan.ts';
import { NO_DURATIONS } from '../plan/shard/durations.ts';
import { type ShardList, splitPlan } from '../plan/shard/split-plan.ts';
import { mostShards } from '../plan/shard/units.ts';
import type { GlobalOptions } from './command-context.ts';
import type { ImageFlags } from './image-flags.ts';
import type { CliIo } from './io.ts';
import { openPlan, planForOperands } from './open-project.ts';
import { MAX_SHARDS, readDurations } from './shard-flags.ts';
import { usageError } from './usage-error.ts';

export interface ClusterFlags extends GlobalOptions, ImageFlags {
  /** Number of shards. */
  readonly shards?: string;
  readonly durations?: string;
}

/** A project, split for several machines. */
export interface ClusterRun {
  readonly plan: Plan;
  readonly list: ShardList;
  readonly job: ClusterJob;
}

/** @throws {GondolinError} CLI_USAGE */
function shardCount(text: string | undefined, plan: Plan): number {
  if (text === undefined) return Math.min(MAX_SHARDS, mostShards(plan));
  const count = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MAX_SHARDS) return count;
  throw usageError(`--shards ${text}: want a number from 1 to ${MAX_SHARDS}`);
}

/**
 * Splits what `[SANDBOX] [STEP…]` selects into `--shards`, by default as many as have something to do.
 * @throws {GondolinError} CLI_USAGE, SHARD_DURATIONS_INVALID, and as openPlan.
 */
export async function openClusterRun(
  operands: readonly string[],
  flags: ClusterFlags,
  io: CliIo,
): Promise<ClusterRun> {
  const plan = planForOperands(await openPlan(io, flags), operands, flags);
  const durations =
    flags.durations === undefined ? NO_DURATIONS : await readDurations(flags.durations, io.cwd);
  const list = splitPlan(plan, shardCount(flags.shards, plan), durations);
  const absolute = (file: string | undefined) =>
    file === undefined ? null : resolve(io.cwd, file);
  const job = clusterJob(plan, list, {
    file: absolute(flags.file),
    projectName: flags.projectName ?? null,
    args: flags.arg ?? {},
    profiles: flags.profile ?? [],
    operands,
    durations: absolute(flags.durations),
  });
  return { plan, list, job };
}
