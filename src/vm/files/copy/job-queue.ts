/** Jobs of one copy that run at once: enough to keep the channel busy with small files. */
const WORKERS = 64;

/**
 * Runs jobs, each of which may add more, newest first, so that a tree is walked with little of it in memory.
 * Starts no job after the first error, waits for those under way, and throws it.
 */
export async function runJobs<Job>(
  first: Job,
  run: (job: Job, add: (job: Job) => void) => Promise<void>,
): Promise<void> {
  const waiting: Job[] = [first];
  const underWay = new Set<Promise<void>>();
  const errors: unknown[] = [];
  while ((waiting.length > 0 || underWay.size > 0) && errors.length === 0) {
    const job = underWay.size < WORKERS ? waiting.pop() : undefined;
    if (job === undefined) {
      await Promise.race(underWay);
      continue;
    }
    const running: Promise<void> = run(job, (next) => waiting.push(next))
      .catch((error: unknown) => void errors.push(error))
      .finally(() => underWay.delete(running));
    underWay.add(running);
  }
  await Promise.all(underWay);
  if (errors.length > 0) throw errors[0];
}
