import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar } from 'yaml';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { MAX_NODES } from './limits.ts';
import {
  type MapEntry,
  type MapNode,
  placeAt,
  type ScalarNode,
  type SourceFile,
  type SourceNode,
  type Span,
} from './source-node.ts';

interface BuildState {
  readonly file: SourceFile;
  readonly document: Document.Parsed;
  readonly issues: Issue[];
  /** Anchored nodes that are being built: an alias to one of them is a loop. */
  readonly open: Set<Node>;
  /** Number of nodes still allowed. */
  left: number;
}

const PLAIN: Scalar.Type = Scalar.PLAIN;

/** Thrown and caught in this file only, to leave an expansion that is too large. */
class TooManyNodes extends Error {}

function report(state: BuildState, offset: number, code: IssueCode, message: string): void {
  const at = placeAt(state.file, offset);
  state.issues.push({ code, message, hint: ISSUE_HINTS[code], at });
}

function nodeSpan(state: BuildState, node: Node | null, fallback: number): Span {
  const range = node?.range;
  const start = range?.[0] ?? fallback;
  return { file: state.file, start, end: Math.max(start, range?.[1] ?? fallback) };
}

function buildScalar(state: BuildState, node: Scalar | null, fallback: number): ScalarNode {
  const span = nodeSpan(state, node, fallback);
  const raw = node?.value ?? null;
  const isPlain = node === null || node.type === PLAIN;
  const isSimple =
    raw === null || typeof raw === 'string' || typeof raw === 'number' || typeof raw === 'boolean';
  const written = node?.source ?? '';
  if (!isSimple) return { kind: 'scalar', value: written, text: written, isPlain, span };
  if (typeof raw === 'string') return { kind: 'scalar', value: raw, text: raw, isPlain, span };
  return { kind: 'scalar', value: raw, text: written, isPlain, span };
}

function readKey(
  state: BuildState,
  pair: Pair<unknown, unknown>,
): { name: string; span: Span } | undefined {
  const key = pair.key as Node | null;
  const resolved = isAlias(key) ? key.resolve(state.document) : key;
  if (resolved === null || isScalar(resolved)) {
    const node = buildScalar(state, resolved as Scalar | null, 0);
    const span = nodeSpan(state, key, 0);
    if (node.text !== '' || resolved !== null) return { name: node.text, span };
  }
  report(
    state,
    key?.range?.[0] ?? 0,
    'yaml_syntax',
    'a key must be a word, got a list, a map or nothing',
  );
  return undefined;
}

// `<<: *base` and `<<: [*a, *b]` as compose files use them: keys written in the map itself win, then earlier sources.
function mergeInto(state: BuildState, entries: Map<string, MapEntry>, source: SourceNode): void {
  const maps = source.kind === 'list' ? source.items : [source];
  for (const map of maps) {
    if (map.kind !== 'map') {
      report(state, map.span.start, 'wrong_type', '<<: want a map or a list of maps');
      continue;
    }
    for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry);
  }
}

function buildMap(state: BuildState, pairs: readonly Pair[], span: Span): MapNode {
  const entries = new Map<string, MapEntry>();
  const merges: SourceNode[] = [];
  for (const pair of pairs) {
    const key = readKey(state, pair);
    const value = buildValue(state, pair.value as Node | null, key?.span.end ?? span.start);
    if (key === undefined) continue;
    const earlier = entries.get(key.name);
    if (key.name === '<<') merges.push(value);
    else if (earlier === undefined) entries.set(key.name, { keySpan: key.span, value });
    else {
      const line = placeAt(state.file, earlier.keySpan.start).line;
      const message = `duplicate key ${JSON.stringify(key.name)}: already on line ${line}`;
      report(state, key.span.start, 'duplicate_key', message);
    }
  }
  for (const merge of merges) mergeInto(state, entries, merge);
  return { kind: 'map', entries, span };
}

function buildAlias(state: BuildState, node: Node, target: Node | undefined): SourceNode {
  const span = nodeSpan(state, node, 0);
  if (target === undefined) {
    report(state, span.start, 'yaml_syntax', 'YAML: this alias has no anchor before it');
    return { kind: 'scalar', value: null, text: '', isPlain: true, span };
  }
  if (state.open.has(target)) {
    report(
      state,
      span.start,
      'yaml_limit',
      'an alias is inside its own anchor and would never end',
    );
    return { kind: 'scalar', value: null, text: '', isPlain: true, span };
  }
  return buildValue(state, target, span.start);
}

function buildValue(state: BuildState, node: Node | null, fallback: number): SourceNode {
  state.left--;
  if (state.left < 0) throw new TooManyNodes();
  if (isAlias(node)) return buildAlias(state, node, node.resolve(state.document));
  if (node === null || isScalar(node)) return buildScalar(state, node, fallback);
  const span = nodeSpan(state, node, fallback);
  state.open.add(node);
  try {
    if (isMap(node)) return buildMap(state, node.items as Pair[], span);
    const items = isSeq(node) ? (node.items as (Node | null)[]) : [];
    return { kind: 'list', items: items.map((item) => buildValue(state, item, span.start)), span };
  } finally {
    state.open.delete(node);
  }
}

/**
 * Converts a parsed document to SourceNodes, with aliases and merges expanded.
 * @returns undefined, with an issue, for more than MAX_NODES values; an alias counts each time it is used.
 */
export function buildNode(
  file: SourceFile,
  document: Document.Parsed,
  issues: Issue[],
): SourceNode | undefined {
  const state: BuildState = { file, document, issues, open: new Set(), left: MAX_NODES };
  try {
    return buildValue(state, document.contents, 0);
  } catch (error) {
    if (!(error instanceof TooManyNodes)) throw error;
    const message = `too many values: at most ${MAX_NODES}, an alias counts each time it is used`;
    report(state, 0, 'yaml_limit', message);
    return undefined;
  }
}
