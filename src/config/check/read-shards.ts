import type { StepConfig } from '../config.ts';
import type { SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, numberOr, report } from './check-context.ts';

/**
 * Reads `shards:`. A service is not split: all that use it use the same one.
 * @param hasRun  The sandbox has `run:`.
 */
export function readShards(
  context: CheckContext,
  node: SourceNode | undefined,
  { hasRun, steps }: { readonly hasRun: boolean; readonly steps: readonly StepConfig[] },
): number {
  const shards = numberOr(node, 1);
  if (node !== undefined && hasRun && shards > 1) {
    report(context, node, 'not_split', 'shards: a sandbox with run: is not split');
  } else if (node !== undefined && shards > 1 && steps.length === 0) {
    report(context, node, 'not_split', 'shards: the sandbox has no steps to split');
  }
  return shards;
}
