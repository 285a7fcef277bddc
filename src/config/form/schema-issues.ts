import type { ErrorObject } from 'ajv';
import { nearestName } from '../../util/nearest-name.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { type SourceNode, type Span, startPlace } from '../yaml/source-node.ts';
import { composeKeyHint, composeValueHint } from './compose-hints.ts';

/** Values planned for later versions: `distro: alpine`. */
const LATER_VALUES: ReadonlySet<unknown> = new Set(['alpine']);

/** Keys that are often written one level too high, with the key they belong under. */
const PARENT_OF: Readonly<Record<string, string>> = {
  cpus: 'resources',
  memory: 'resources',
  timeout: 'resources',
  disk: 'resources',
};

/** The place of an issue: the value, and its key if it is in a map. */
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

/** Formats a key path: `sandboxes.test.steps[2].run`. */
function keyPath(parts: readonly string[]): string {
  return parts.reduce((path, part) => {
    if (/^\d+$/.test(part)) return `${path}[${part}]`;
    return path === '' ? part : `${path}.${part}`;
  }, '');
}

/** Returns true below `secrets:`: a text there may be a pasted value, and is never shown. */
function isSecretPlace(parts: readonly string[]): boolean {
  return parts.includes('secrets');
}

function kindWord(node: SourceNode, isSecret: boolean): string {
  if (node.kind === 'map') return node.entries.size === 0 ? 'an empty map' : 'a map';
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.value === null) return 'nothing';
  if (isSecret) return 'a plain value';
  // The value of a variable may be a credential: the file's own text is shown instead.
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
  const { keySpan, node } = find(tree, [...parts, key]);
  const span = keySpan ?? node.span;
  const isSecret = isSecretPlace(parts);
  if (isSecret && (key === 'value' || !/^[a-z_]{1,20}$/.test(key))) {
    const message = `${keyPath(parts)}: the value of a secret must not be in the file`;
    return { code: 'secret_inline', message, span };
  }
  const path = keyPath([...parts, key]);
  const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {});
  return {
    code: 'unknown_key',
    message: `${path}: unknown key`,
    span,
    hint: unknownKeyHint(key, known),
  };
}

function unknownKeyHint(key: string, known: readonly string[]): string {
  const parent = Object.hasOwn(PARENT_OF, key) ? PARENT_OF[key] : undefined;
  if (parent !== undefined && known.includes(parent)) return `Move it under "${parent}:".`;
  const foreign = composeKeyHint(key, known);
  if (foreign !== undefined) return foreign;
  const near = nearestName(key, known);
  return near === undefined ? ISSUE_HINTS.unknown_key : `Did you mean "${near}"?`;
}

/** Drafts the issue of a key that its map's `propertyNames` refuses: its place is the key, not the map. */
function badKey(key: string, title: string, parts: readonly string[], tree: SourceNode): Draft {
  const { keySpan, node } = find(tree, [...parts, key]);
  const message = `${keyPath(parts) || 'the file'}: got the key ${JSON.stringify(key)}, want ${title}`;
  return { code: 'bad_value', message, span: keySpan ?? node.span };
}

/** Returns true when another error says the same more clearly. */
function isEcho({ keyword, schemaPath, propertyName, data }: ErrorObject): boolean {
  if (keyword === 'propertyNames' || keyword === 'if') return true;
  // A mistake inside one of several forms: the `oneOf` itself names all of them at once.
  if (schemaPath.includes('/oneOf/') && propertyName === undefined) return true;
  if (keyword !== 'oneOf') return false;
  const isMap = typeof data === 'object' && data !== null && !Array.isArray(data);
  return !isMap;
}

function toDraft(error: ErrorObject, tree: SourceNode): Draft | null {
  if (isEcho(error)) return null;
  const parts = error.instancePath.split('/').slice(1).map(unescapePointer);
  const { node, keySpan } = find(tree, parts);
  const path = keyPath(parts) || 'the file';
  const title = String(error.parentSchema?.['title'] ?? 'another value');
  const wrong = (code: IssueCode): Draft => ({
    code,
    message: `${path}: got ${kindWord(node, isSecretPlace(parts))}, want ${title}`,
    span: node.span,
  });
  if (error.propertyName !== undefined) return badKey(error.propertyName, title, parts, tree);
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(error, parts, tree);
    case 'enum': {
      const draft = wrong(LATER_VALUES.has(error.data) ? 'later_key' : 'bad_value');
      const hint = composeValueHint(error.data);
      return hint === undefined ? draft : { ...draft, hint };
    }
    case 'required': {
      const key = String(error.params['missingProperty']);
      return { code: 'missing_key', message: `${path}: "${key}" is missing`, span: node.span };
    }
    case 'false schema': {
      const code = parts.length === 1 ? 'form_conflict' : 'bad_value';
      const message = `${path}: not allowed beside the other keys here`;
      return { code, message, span: keySpan ?? node.span };
    }
    case 'type':
      return wrong('wrong_type');
    default: {
      const draft = wrong('bad_value');
      const hint = composeValueHint(error.data);
      return hint === undefined ? draft : { ...draft, hint };
    }
  }
}

/** Turns ajv's errors into issues at the places of the validated tree. */
export function schemaIssues(errors: readonly ErrorObject[], tree: SourceNode): Issue[] {
  const issues: Issue[] = [];
  for (const error of errors) {
    const draft = toDraft(error, tree);
    if (draft === null) continue;
    const { code, message, span, hint = ISSUE_HINTS[code] } = draft;
    issues.push({ code, message, hint, at: startPlace(span) });
  }
  return issues;
}
