import type { SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, report, shownText, textOr } from './check-context.ts';

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const SIZE_UNITS = ['', 'k', 'm', 'g', 't'];
/** Node's timers fire at once beyond it. */
const MAX_DURATION_MS = 2 ** 31 - 1;
const MAX_SIZE_BYTES = 2 ** 40;

/** Milliseconds of `1h30m`, `2s` or `500ms`; null for `none`. The schema has checked the form. */
export function durationMs(text: string): number | null {
  if (text === 'none') return null;
  let total = 0;
  for (const [, amount = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|h|m|s)/g)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(total);
}

/** Bytes of `512MiB`, `1G` (binary) or `1GB` (decimal). The schema has checked the form. */
export function sizeBytes(text: string): number {
  const match = /^([0-9.]+)([kmgt]?)(i?b)?$/.exec(text.toLowerCase());
  const [, amount = '0', unit = '', suffix = ''] = match ?? [];
  const base = suffix === 'b' && unit !== '' ? 1000 : 1024;
  return Math.ceil(Number(amount) * base ** SIZE_UNITS.indexOf(unit));
}

/** Reads a `timeout:` in milliseconds; null for none. Reports zero, and more than a timer can count. */
export function readTimeout(context: CheckContext, node: SourceNode | undefined): number | null {
  const limitMs = durationMs(textOr(node, 'none'));
  if (node === undefined || limitMs === null) return limitMs;
  if (limitMs >= 1 && limitMs <= MAX_DURATION_MS) return limitMs;
  report(context, node, 'bad_value', 'timeout: want more than 0 and at most 596h, or none');
  return null;
}

/** Reads a time in milliseconds. Reports one below `minMs`, and more than a timer can count. */
export function readDuration(
  context: CheckContext,
  node: SourceNode | undefined,
  { key, fallbackMs, minMs = 1 }: { key: string; fallbackMs: number; minMs?: number },
): number {
  const timeMs = node?.kind === 'scalar' ? durationMs(node.text) : null;
  if (node === undefined || timeMs === null) return fallbackMs;
  if (timeMs >= minMs && timeMs <= MAX_DURATION_MS) return timeMs;
  const want = minMs === 0 ? 'at most 596h' : 'more than 0 and at most 596h';
  report(context, node, 'bad_value', `${key}: want ${want}`);
  return fallbackMs;
}

/** The key, default and smallest value of a size. */
export interface SizeLimits {
  /** Key path for messages. */
  readonly key: string;
  readonly fallback: string;
  /** Smallest size, as the message shows it, such as `64MiB`. */
  readonly min: string;
}

/** Reads a size in bytes. Reports one below its minimum or above 1 TiB. */
export function readSizeBytes(
  context: CheckContext,
  node: SourceNode | undefined,
  { key, fallback, min }: SizeLimits,
): number {
  const bytes = sizeBytes(textOr(node, fallback));
  if (node !== undefined && !(bytes >= sizeBytes(min) && bytes <= MAX_SIZE_BYTES)) {
    report(context, node, 'bad_value', `${key}: got ${shownText(node)}, want ${min} to 1TiB`);
  }
  return bytes;
}
