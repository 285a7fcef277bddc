import { ISSUE_HINTS, type Issue } from '../issue.ts';
import { placeOf, type SourceNode } from '../yaml/source-node.ts';

/** An issue for each value that holds a NUL character (`"\0"`): no path, argument or variable can carry one. */
export function nulIssues(node: SourceNode): Issue[] {
  if (node.kind === 'list') return node.items.flatMap(nulIssues);
  if (node.kind === 'map')
    return [...node.entries.values()].flatMap(({ value }) => nulIssues(value));
  if (!node.text.includes('\0')) return [];
  const message = 'got a text with a NUL character, which no path, argument or variable can hold';
  return [{ code: 'bad_value', message, hint: ISSUE_HINTS.bad_value, at: placeOf(node.span) }];
}
