import type { CommandOutputs, EnvOutputs } from '../config.ts';
import type { TextParts } from '../yaml/output-reference.ts';
import { getEntries, getItems, type SourceNode } from '../yaml/source-node.ts';
import { isScalar } from './check-context.ts';

function partsOf(node: SourceNode | undefined): TextParts | undefined {
  return isScalar(node) ? node.parts : undefined;
}

/** Returns the command in parts, one text for a script and one for each word of a list; null without an output in it. */
export function readCommandOutputs(node: SourceNode | undefined): CommandOutputs | null {
  const words = node?.kind === 'list' ? getItems(node) : [node];
  if (words.every((word) => partsOf(word) === undefined)) return null;
  return words.map((word) => partsOf(word) ?? (isScalar(word) ? [word.text] : []));
}

/** Returns the variables of `env:` with outputs in their values, in parts. */
export function readEnvOutputs(node: SourceNode | undefined): EnvOutputs {
  const found = new Map<string, TextParts>();
  for (const [name, { value }] of getEntries(node)) {
    const parts = partsOf(value);
    if (parts !== undefined) found.set(name, parts);
  }
  for (const item of getItems(node)) {
    const [first, ...rest] = partsOf(item) ?? [];
    // The schema wants a name and `=` at the beginning.
    if (typeof first !== 'string') continue;
    const at = first.indexOf('=');
    if (at > 0) found.set(first.slice(0, at), [first.slice(at + 1), ...rest]);
  }
  return Object.fromEntries(found);
}
