import type { ErrorObject } from 'ajv';
import { nearestName } from '../../util/nearest-name.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { placeOf, type SourceNode, type Span } from '../yaml/source-node.ts';

/** Keys of the design that come with later versions: a clear word instead of a did-you-mean. */
const LATER_KEYS: ReadonlySet<string> = new Set([
  ...['network', 'secrets', 'ports', 'watch', 'checkpoint', 'inputs', 'profiles', 'healthcheck'],
  ...['depends_on', 'run', 'disk', 'oci', 'pull', 'alpine', 'overlay'],
]);

/** Where an issue stands: the value, and its key when it hangs in a map. */
interface Found {
  readonly node: SourceNode;
  readonly keySpan: Span | null;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function find(tree: SourceNode, parts: readonly string[]): Found {
  let found: Found = { node: tree, keySpan: null };
  for (const part of parts) {
    const { node } = found;
    if (node.kind === 'map') {
      const entry = node.entries.get(part);
      if (entry === undefined) return found;
      found = { node: entry.value, keySpan: entry.keySpan };
    } else if (node.kind === 'list') {
      const item = node.items[Number(part)];
      if (item === undefined) return found;
      found = { node: item, keySpan: null };
    }
  }
  return found;
}

/** A key path as a person writes it: `sandboxes.test.steps[2].run`. */
export function keyPath(parts: readonly string[]): string {
  return parts.reduce((path, part) => {
    if (/^\d+$/.test(part)) return `${path}[${part}]`;
    return path === '' ? part : `${path}.${part}`;
  }, '');
}

function kindWord(node: SourceNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  // What variables put in may be a credential: the file's own text stands for it.
  const text = JSON.stringify(node.template ?? node.value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

interface Draft {
  readonly code: IssueCode;
  readonly message: string;
  readonly span: Span;
  readonly hint?: string;
}

function unknownKey(error: ErrorObject, parts: readonly string[], tree: SourceNode): Draft {
  const key = String(error.params['additionalProperty']);
  const path = keyPath([...parts, key]);
  const { keySpan, node } = find(tree, [...parts, key]);
  const span = keySpan ?? node.span;
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  if (LATER_KEYS.has(key) && !known.includes(key)) {
    return { code: 'later_key', message: `${path}: not in this version`, span };
  }
  const near = nearestName(key, known);
  const hint = near === undefined ? ISSUE_HINTS.unknown_key : `Did you mean "${near}"?`;
  return { code: 'unknown_key', message: `${path}: unknown key`, span, hint };
}

function draftOf(error: ErrorObject, tree: SourceNode): Draft | null {
  const parts = error.instancePath.split('/').slice(1).map(unescapePointer);
  const { node, keySpan } = find(tree, parts);
  const path = keyPath(parts) || 'the file';
  const title = String(error.parentSchema?.['title'] ?? 'another value');
  const wrong = (code: IssueCode): Draft => ({
    code,
    message: `${path}: got ${kindWord(node)}, want ${title}`,
    span: node.span,
  });
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(error, parts, tree);
    case 'required': {
      const key = String(error.params['missingProperty']);
      return { code: 'missing_key', message: `${path}: "${key}" is missing`, span: node.span };
    }
    case 'false schema': {
      const code = parts.length === 1 ? 'form_conflict' : 'bad_value';
      const message = `${path}: cannot stand beside the other keys here`;
      return { code, message, span: keySpan ?? node.span };
    }
    case 'propertyNames':
    case 'if':
      // Each has a more exact error of its own.
      return null;
    case 'type':
      return wrong('wrong_type');
    default:
      return wrong('bad_value');
  }
}

/** Issues of ajv's errors, at the places of the tree that was validated. */
export function schemaIssues(errors: readonly ErrorObject[], tree: SourceNode): Issue[] {
  const issues: Issue[] = [];
  for (const error of errors) {
    const draft = draftOf(error, tree);
    if (draft === null) continue;
    const { code, message, span, hint = ISSUE_HINTS[code] } = draft;
    issues.push({ code, message, hint, at: placeOf(span) });
  }
  return issues;
}
