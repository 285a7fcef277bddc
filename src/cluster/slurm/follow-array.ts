import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { OutputTail } from './output-tail.ts';
import type { SlurmCommands } from './slurm-commands.ts';
import { outputFile } from './submitted-script.ts';

/** Slurm's scheduler works in seconds. */
const POLL_INTERVAL_MS = 1_000;
/** Slurm kills what is left of a cancelled job after its KillWait, by default 30 s. */
const CANCEL_LIMIT_MS = 90_000;
/** A controller may be restarted meanwhile. */
const UNREACHABLE_LIMIT_MS = 300_000;

export interface FollowedArray {
  readonly slurm: SlurmCommands;
  readonly jobId: string;
  /** Directory of the job, in which each shard has its output. */
  readonly directory: string;
  readonly shardCount: number;
  readonly signal: AbortSignal;
  /** Untrusted text, without its line end. */
  readonly onLine: (shard: number, line: string) => void;
  /** Slurm does not answer; once each time it stops. */
  readonly onUnreachable: (error: GondolinError) => void;
}

/** Asks Slurm which tasks are left; while it does not answer, nothing is known to have ended. */
class Queue {
  readonly #job: FollowedArray;
  #silentSinceMs: number | null = null;

  constructor(job: FollowedArray) {
    this.#job = job;
  }

  /** @throws {GondolinError} CLUSTER_UNREACHABLE after five minutes. */
  async isEmpty(): Promise<boolean> {
    const { slurm, jobId, onUnreachable } = this.#job;
    try {
      const tasks = await slurm.openTasks(jobId);
      this.#silentSinceMs = null;
      return tasks.length === 0;
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      if (this.#silentSinceMs === null) onUnreachable(error);
      this.#silentSinceMs ??= performance.now();
      if (performance.now() - this.#silentSinceMs > UNREACHABLE_LIMIT_MS) throw error;
      return false;
    }
  }
}

/** Waits for the next look at the queue; sooner when the signal aborts. */
async function pause(signal: AbortSignal): Promise<void> {
  await delay(POLL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
}

/** Cancels the job, and waits until Slurm has ended all of it. @throws {GondolinError} CLUSTER_UNREACHABLE */
async function cancel({ slurm, jobId }: FollowedArray): Promise<void> {
  await slurm.cancel(jobId);
  const lateAtMs = performance.now() + CANCEL_LIMIT_MS;
  while ((await slurm.openTasks(jobId)).length > 0) {
    if (performance.now() > lateAtMs) {
      const message = `job ${jobId} was cancelled, but Slurm has not ended it`;
      throw new GondolinError('CLUSTER_UNREACHABLE', message);
    }
    await delay(POLL_INTERVAL_MS);
  }
}

/**
 * Passes on the output of all shards until the last task has ended. A task that Slurm runs again has not ended.
 * @throws the signal's reason when it aborts: the job is then cancelled, and nothing of it runs any more.
 * @throws {GondolinError} CLUSTER_UNREACHABLE
 */
export async function followArray(job: FollowedArray): Promise<void> {
  const { signal, directory, shardCount, onLine } = job;
  const tails = Array.from({ length: shardCount }, (_, at) => {
    const path = join(directory, outputFile(at + 1));
    return new OutputTail(path, (line) => onLine(at + 1, line));
  });
  const queue = new Queue(job);
  for (;;) {
    if (signal.aborted) {
      await cancel(job);
      throw signal.reason;
    }
    const isOver = await queue.isEmpty();
    for (const tail of tails) await tail.read();
    if (isOver) break;
    await pause(signal);
  }
  for (const tail of tails) await tail.end();
}
