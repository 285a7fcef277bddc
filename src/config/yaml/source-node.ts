import type { SourcePlace } from '../../errors/gondolin-error.ts';
import type { TextParts } from './output-reference.ts';

/** One text file of a project. `path` is absolute; `text` has no byte order mark. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A piece of a file: offsets in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** One YAML value with its place in a file. Aliases are expanded: the same node may be in several places of the tree. */
export type SourceNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The value as text: a plain `1.10` stays `1.10`, an empty value is ``. */
  readonly text: string;
  /** True when written without quotes and not as a block: such text may become a number or a boolean. */
  readonly isPlain: boolean;
  /** The text before variables were substituted; absent if there were none. */
  readonly template?: string;
  /** Variables of the host whose values were substituted, by name; absent where `template` is. */
  readonly hostVariables?: ReadonlyMap<string, string>;
  /** The text with the outputs of steps in it taken apart; absent if there are none. */
  readonly parts?: TextParts;
  readonly span: Span;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly SourceNode[];
  readonly span: Span;
}

export interface MapEntry {
  readonly keySpan: Span;
  readonly value: SourceNode;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly span: Span;
}

const lineStartsByFile = new WeakMap<SourceFile, readonly number[]>();

function lineStarts(file: SourceFile): readonly number[] {
  const known = lineStartsByFile.get(file);
  if (known !== undefined) return known;
  const starts = [0];
  for (const end of file.text.matchAll(/\r\n|\n|\r/g)) starts.push(end.index + end[0].length);
  lineStartsByFile.set(file, starts);
  return starts;
}

/** Returns the 1-based line and column of an offset. Lines end with LF, CRLF or a lone CR. */
export function placeAt(file: SourceFile, offset: number): SourcePlace {
  const starts = lineStarts(file);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { file: file.path, line: low + 1, col: offset - (starts[low] ?? 0) + 1 };
}

/** Returns the 1-based line and column of a span's start. */
export function startPlace(span: Span): SourcePlace {
  return placeAt(span.file, span.start);
}

/** Returns the value of `key`, or undefined if `node` is not a map or has no such key. */
export function getChild(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

/** Returns the items of a list; empty for any other node. */
export function getItems(node: SourceNode | undefined): readonly SourceNode[] {
  return node?.kind === 'list' ? node.items : [];
}

/** Returns the keys and values of a map; empty for any other node. */
export function getEntries(node: SourceNode | undefined): readonly (readonly [string, MapEntry])[] {
  return node?.kind === 'map' ? [...node.entries] : [];
}

/** Converts a node to plain data for a JSON Schema validator. Maps have no prototype, so `__proto__` is an ordinary key. */
export function toPlain(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toPlain);
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) plain[key] = toPlain(entry.value);
  return plain;
}
