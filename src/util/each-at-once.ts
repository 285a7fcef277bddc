/**
 * Runs `work` for each item in order, `limit` at once, until none runs any more. After a failure no other is started, and `failed`
 * is aborted with it: whatever runs stops by that signal. Never rejects: the caller looks at its signals.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  { limit, failed }: { readonly limit: number; readonly failed: AbortController },
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const waiting = [...items.entries()];
  const workNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await work(next[1], next[0]);
    }
  };
  const workers = Array.from({ length: limit }, () =>
    workNext().catch((error: unknown) => {
      failed.abort(error);
      waiting.length = 0;
    }),
  );
  await Promise.all(workers);
}
