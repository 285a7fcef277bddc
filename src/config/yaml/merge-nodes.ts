import type { MapEntry, MapNode, SourceNode } from './source-node.ts';

/** `over` on top of `under`: maps merge key by key, everything else (lists too) is replaced whole. Pure. */
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
 * The tree without its `x-` keys, which hold notes and anchors. Keys below `env:` stay: a bad variable name is to be
 * reported there, not dropped.
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
