import type { DirectoryEntry } from '../provider.ts';

/** The entries of a directory as a provider gives them: all at once, or in batches. */
export type Entries = readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>;

/** Yields the batches of a directory; what was given at once is one batch. */
export async function* entryBatches(
  entries: Entries,
): AsyncGenerator<readonly DirectoryEntry[], void> {
  if (Symbol.asyncIterator in entries) yield* entries;
  else yield entries;
}
