const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const SIZE_UNITS = ['', 'k', 'm', 'g', 't'];

/** Milliseconds of `1h30m`, `2s`, `500ms`; null for `none`. The schema has checked the form. */
export function durationMs(text: string): number | null {
  if (text === 'none') return null;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|h|m|s)/g)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(total);
}

/** Node's timers fire at once beyond it. */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/** Bytes of `512MiB`, `1G` (binary) or `1GB` (decimal). The schema has checked the form. */
export function sizeBytes(text: string): number {
  const match = /^([0-9.]+)([kmgt]?)(i?b)?$/.exec(text.toLowerCase());
  const [, amount = '0', unit = '', suffix = ''] = match ?? [];
  const base = suffix === 'b' && unit !== '' ? 1000 : 1024;
  return Math.ceil(Number(amount) * base ** SIZE_UNITS.indexOf(unit));
}
