import type { MapEntry, MapNode, SourceNode } from './source-node.ts';

/** Merges `over` onto `under`: maps merge key by key; anything else, lists included, is replaced as a whole. Pure. */
export function mergeNodes(under: SourceNode | undefined, over: SourceNode): SourceNode {
  if (under?.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map<string, MapEntry>(under.entries);
  for (const [key, entry] of over.entries) {
    entries.set(key, {
      keySpan: entry.keySpan,
      value: mergeNodes(entries.get(key)?.value, entry.value),
    });
  }
  return { kind: 'map', entries, span: over.span };
}

function isNote(key: string, isEnv: boolean): boolean {
  return !isEnv && key.startsWith('x-');
}

/**
 * Returns the tree without its `x-` keys, which are for notes and anchors. Keys below `env:` are kept, so that a bad variable name
 * there is reported.
 */
export function dropNotes(node: SourceNode, isEnv = false): SourceNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => dropNotes(item)) };
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    if (!isNote(key, isEnv))
      entries.set(key, { ...entry, value: dropNotes(entry.value, key === 'env') });
  }
  const kept: MapNode = { kind: 'map', entries, span: node.span };
  return kept;
}
