import { isVariableName } from '../../util/variable-name.ts';
import { parseSecretReference } from '../parse-secret.ts';
import {
  getEntries,
  type MapNode,
  type SourceFile,
  type SourceNode,
  type Span,
} from '../yaml/source-node.ts';

function everySpan(node: SourceNode): Span[] {
  if (node.kind === 'scalar') return [node.span];
  if (node.kind === 'list') return node.items.flatMap(everySpan);
  return getEntries(node).flatMap(([key, { keySpan, value }]) => [
    ...(/^[a-z_]{1,20}$/.test(key) ? [] : [keySpan]),
    ...everySpan(value),
  ]);
}

function nameSpans(node: SourceNode): Span[] {
  return node.kind === 'scalar' && isVariableName(node.text) ? [] : everySpan(node);
}

function sourceSpans(node: SourceNode): Span[] {
  if (node.kind !== 'map') return everySpan(node);
  return getEntries(node).flatMap(([key, { value }]) => {
    if (key === 'env') return nameSpans(value);
    return key === 'file' || key === 'command' ? [] : everySpan(value);
  });
}

/** Returns the spans that may contain a value, in one secret of the long form. */
function longFormSpans(node: MapNode): Span[] {
  return getEntries(node).flatMap(([key, entry]) => {
    if (key === 'hosts') return [];
    if (key === 'name') return nameSpans(entry.value);
    if (key === 'from') return sourceSpans(entry.value);
    return everySpan({ ...node, entries: new Map([[key, entry]]) });
  });
}

/** Returns the spans below `secrets:` that may contain a value: all except valid references and the texts of known keys. */
function secretSpans(node: SourceNode): Span[] {
  if (node.kind !== 'list') return everySpan(node);
  return node.items.flatMap((item) => {
    if (item.kind === 'map') return longFormSpans(item);
    return item.kind === 'scalar' && parseSecretReference(item.text).secret !== undefined
      ? []
      : everySpan(item);
  });
}

/** A URL with a user: what is wrong with it is shown without it. */
function proxySpans(node: SourceNode): Span[] {
  if (node.kind === 'scalar') return node.text.includes('@') ? [node.span] : [];
  return node.kind === 'map' ? getEntries(node).flatMap(([, { value }]) => proxySpans(value)) : [];
}

function spansBelow(node: SourceNode): Span[] {
  if (node.kind === 'scalar') return [];
  if (node.kind === 'list') return node.items.flatMap(spansBelow);
  return getEntries(node).flatMap(([key, { value }]) =>
    key === 'secrets'
      ? secretSpans(value)
      : key === 'upstream_proxy'
        ? proxySpans(value)
        : spansBelow(value),
  );
}

/** `NAME=value@host` anywhere: a file that is not valid YAML has no tree to search. */
const INLINE = /\b[A-Za-z_]\w*=[^\n\r]*@/g;

/** Replaces the text by as many stars, so that carets stay in place. */
function stars(text: string): string {
  return text.replaceAll(/[^\n\r]/g, '*');
}

/**
 * Returns the texts of project files with everything starred out that may be the value of a secret: excerpts are made from them.
 * @param tree  The tree before variables were substituted; undefined when it could not be read.
 */
export function blankSecrets(
  files: readonly SourceFile[],
  tree: SourceNode | undefined,
): Map<string, string> {
  const spans = tree === undefined ? [] : spansBelow(tree);
  return new Map(
    files.map((file) => {
      let { text } = file;
      for (const { start, end } of spans.filter((span) => span.file.path === file.path)) {
        text = text.slice(0, start) + stars(text.slice(start, end)) + text.slice(end);
      }
      return [file.path, text.replaceAll(INLINE, stars)];
    }),
  );
}
