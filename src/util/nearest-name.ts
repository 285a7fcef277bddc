/** Longest word compared, in UTF-16 units: the cost is the product of both lengths. */
const MAX_COMPARED_LENGTH = 64;

/**
 * Returns the Damerau-Levenshtein distance (optimal string alignment): inserted, deleted, changed and swapped neighbouring letters.
 * @returns 0 for equal words.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let col = 1; col <= b.length; col++) {
      const cost = a[row - 1] === b[col - 1] ? 0 : 1;
      let best = Math.min(
        (last[col] ?? 0) + 1,
        (current[col - 1] ?? 0) + 1,
        (last[col - 1] ?? 0) + cost,
      );
      const isSwap = row > 1 && col > 1 && a[row - 1] === b[col - 2] && a[row - 2] === b[col - 1];
      if (isSwap) best = Math.min(best, (beforeLast[col - 2] ?? 0) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/**
 * Returns the candidate that was most likely meant, or undefined if none is near: at most one edit for every three letters
 * (and at least one), ignoring case. The earlier of equally near candidates wins.
 */
export function nearestName(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_COMPARED_LENGTH) return undefined;
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates) {
    if (name.length > MAX_COMPARED_LENGTH) continue;
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    const limit = Math.max(1, Math.floor(Math.max(word.length, name.length) / 3));
    const isNear = distance <= limit && distance < Math.max(word.length, name.length);
    if (isNear && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}
