/** Median of at least one number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function milliseconds(value: number): string {
  return `${value.toFixed(0).padStart(6)} ms`;
}

export function ratio(value: number, base: number): string {
  return `${(value / base).toFixed(2).padStart(6)}`;
}
