import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { MAX_VALUE_LENGTH } from './limits.ts';
import { type MapEntry, placeAt, type ScalarNode, type SourceNode } from './source-node.ts';

/** Variables of the host by name. */
export type HostEnv = Readonly<Record<string, string | undefined>>;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;

type Problem = (reference: string, code: IssueCode, message: string) => void;

/** Index just after the `}` that closes the `${` at `start`, or -1. Nested `${…}` in a default are counted. */
function endOfReference(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    if (text.startsWith('${', index)) {
      depth++;
      index++;
    } else if (text[index] === '}') {
      depth--;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

function variableOf(env: HostEnv, name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}

function resolveReference(reference: string, env: HostEnv, problem: Problem): string {
  const inner = reference.slice(2, -1);
  const name = NAME.exec(inner)?.[0] ?? '';
  const operator = inner.slice(name.length, name.length + 2);
  const operand = inner.slice(name.length + 2);
  if (name === '' || !['', ':-', ':?'].includes(operator)) {
    problem(reference, 'variable_syntax', `${JSON.stringify(reference)} is no variable reference`);
    return '';
  }
  const value = variableOf(env, name);
  if (value !== undefined && (value !== '' || operator === '')) return value;
  if (operator === ':-') return expand(operand, env, problem);
  const reason = operator === '' ? ' in the environment' : `: ${operand || 'it is required'}`;
  problem(reference, 'variable_unset', `variable ${name} is not set${reason}`);
  return '';
}

// A lone `$` stays: `$HOME` and `$(date)` in a script belong to the guest's shell.
function expand(text: string, env: HostEnv, problem: Problem): string {
  let result = '';
  let index = 0;
  while (index < text.length) {
    const dollar = text.indexOf('$', index);
    if (dollar < 0) return result + text.slice(index);
    result += text.slice(index, dollar);
    const next = text[dollar + 1];
    if (next === '{') {
      const end = endOfReference(text, dollar);
      if (end < 0) {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the project file's own syntax
        problem('${', 'variable_syntax', '"${" is never closed by "}"');
        return result;
      }
      result += resolveReference(text.slice(dollar, end), env, problem);
      index = end;
    } else {
      result += '$';
      index = dollar + (next === '$' ? 2 : 1);
    }
  }
  return result;
}

const PLAIN_NUMBER = /^[-+]?(?:[0-9]+|[0-9]*\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$/;

// `cpus: ${CPUS:-2}` means a number, as if the person had typed it.
function plainValue(text: string): string | number | boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return PLAIN_NUMBER.test(text) ? Number(text) : text;
}

function interpolateScalar(node: ScalarNode, env: HostEnv, issues: Issue[]): ScalarNode {
  if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
  const { file, start, end } = node.span;
  let cursor = start;
  const problem: Problem = (reference, code, message) => {
    // The same text stands in the file, unless escapes or line folding changed it.
    const found = file.text.indexOf(reference, cursor);
    const offset = found >= 0 && found < end ? found : start;
    cursor = offset === found ? found + reference.length : cursor;
    issues.push({ code, message, hint: ISSUE_HINTS[code], at: placeAt(file, offset) });
  };
  const text = expand(node.value, env, problem);
  if (text.length > MAX_VALUE_LENGTH) {
    const message = `value too long after its variables were put in: at most ${MAX_VALUE_LENGTH}`;
    issues.push({
      code: 'yaml_limit',
      message,
      hint: ISSUE_HINTS.yaml_limit,
      at: placeAt(file, start),
    });
    return node;
  }
  if (text === node.value) return node;
  const value = node.isPlain ? plainValue(text) : text;
  return { ...node, value, text, template: node.value };
}

/**
 * The tree with `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` put in, in values only (never keys). An unset
 * `${NAME}` is an issue at the reference itself. Values of variables never appear in an issue. Pure.
 */
export function interpolate(node: SourceNode, env: HostEnv, issues: Issue[]): SourceNode {
  if (node.kind === 'scalar') return interpolateScalar(node, env, issues);
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item) => interpolate(item, env, issues)) };
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    entries.set(key, { ...entry, value: interpolate(entry.value, env, issues) });
  }
  return { ...node, entries };
}
