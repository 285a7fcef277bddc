import { getItems, type SourceNode } from '../yaml/source-node.ts';
import { textOr } from './check-context.ts';

/** Reads a command: a string runs in a shell, a list of words without one. */
export function toCommand(node: SourceNode | undefined): string | readonly string[] {
  if (node?.kind === 'list') return getItems(node).map((item) => textOr(item, ''));
  return textOr(node, '');
}
