import type { SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, report, textOf } from './check-context.ts';
import { durationMs, MAX_DURATION_MS } from './quantities.ts';

/** Milliseconds of a `timeout:`, null for none. Zero and more than a timer can hold are issues. */
export function readTimeout(context: CheckContext, node: SourceNode | undefined): number | null {
  const limitMs = durationMs(textOf(node, 'none'));
  if (node === undefined || limitMs === null) return limitMs;
  if (limitMs >= 1 && limitMs <= MAX_DURATION_MS) return limitMs;
  report(context, node, 'bad_value', 'timeout: want more than 0 and at most 596h, or none');
  return null;
}
