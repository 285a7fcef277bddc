import { report } from '../check/check-context.ts';
import type { Issue } from '../issue.ts';
import { getChild, getEntries, getItems, type SourceNode } from '../yaml/source-node.ts';

/** The value of each axis in one combination, by the name of the axis. */
export type Combination = Readonly<Record<string, string>>;

/** Most combinations of one sandbox. */
const MAX_COMBINATIONS = 256;

function combinationOf(node: SourceNode): Combination {
  return Object.fromEntries(
    getEntries(node).map(([axis, { value }]) => [axis, value.kind === 'scalar' ? value.text : '']),
  );
}

/** True when every axis that `part` names has the same value. */
function matches(whole: Combination, part: Combination): boolean {
  return Object.entries(part).every(([axis, value]) => whole[axis] === value);
}

function product(axes: readonly (readonly [string, readonly string[]])[]): Combination[] {
  let combinations: Combination[] = [{}];
  for (const [axis, values] of axes) {
    combinations = combinations.flatMap((before) =>
      values.map((value) => ({ ...before, [axis]: value })),
    );
    // One more than allowed is enough to know.
    combinations = combinations.slice(0, MAX_COMBINATIONS + 1);
  }
  return combinations;
}

/**
 * Returns the combinations of `matrix:`, in the order of the file, the last axis changing fastest: those of the axes without
 * what a map of `exclude:` matches, then the maps of `include:` that are not among them.
 */
export function readMatrix(node: SourceNode, issues: Issue[]): Combination[] {
  const axes = getEntries(node)
    .filter(([axis]) => axis !== 'include' && axis !== 'exclude')
    .map(([axis, { value }]) => {
      const values = getItems(value).map((item) => (item.kind === 'scalar' ? item.text : ''));
      return [axis, [...new Set(values)]] as const;
    });
  const excluded = getItems(getChild(node, 'exclude')).map(combinationOf);
  const all = axes.length === 0 ? [] : product(axes);
  if (all.length > MAX_COMBINATIONS) {
    report({ issues }, node, 'matrix_size', `matrix: more than ${MAX_COMBINATIONS} combinations`);
    return [];
  }
  const kept = all.filter((one) => !excluded.some((part) => matches(one, part)));
  for (const extra of getItems(getChild(node, 'include')).map(combinationOf)) {
    if (!kept.some((one) => matches(one, extra) && matches(extra, one))) kept.push(extra);
  }
  if (kept.length === 0) report({ issues }, node, 'matrix_size', 'matrix: no combination is left');
  return kept;
}

/** Returns the name of the sandbox of a combination: `test-20-chromium`. */
export function combinationName(sandbox: string, combination: Combination): string {
  const parts = Object.values(combination).map((value) =>
    value
      .toLowerCase()
      .replaceAll(/[^a-z0-9_]+/g, '-')
      .replaceAll(/^-+|-+$/g, ''),
  );
  return [sandbox, ...parts].filter((part) => part !== '').join('-');
}
