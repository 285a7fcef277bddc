import { nearestName } from '../../util/nearest-name.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { MAX_VALUE_LENGTH } from './limits.ts';
import { type MapEntry, placeAt, type ScalarNode, type SourceNode } from './source-node.ts';

/** Variables of the host by name. */
export type HostEnv = Readonly<Record<string, string | undefined>>;

/** A variable of the host, or a value of the project: `args.NAME`, `matrix.NAME`. */
const NAME = /^(?:(?:args|matrix)\.)?[A-Za-z_][A-Za-z0-9_]*/;

/** The values that references of a tree may have. */
export interface Values {
  readonly env: HostEnv;
  /** Values of the project by reference: `args.browser`, `matrix.node`. */
  readonly project: Readonly<Record<string, string>>;
}

type Problem = (reference: string, code: IssueCode, message: string) => void;

/** The source of values, with a record of those of the host that were used and a way to report mistakes. */
interface Source extends Values {
  readonly taken: Map<string, string>;
  readonly problem: Problem;
}

/** Returns the index just after the `}` that closes the `${` at `start`, or -1. Nested `${…}` in a default are counted. */
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

function lookUp({ env, project }: Values, name: string): string | undefined {
  const source = name.includes('.') ? project : env;
  return Object.hasOwn(source, name) ? source[name] : undefined;
}

/** Says what is wrong with a reference to a value that the project does not have. */
function unknownReference(name: string, { project }: Values): string {
  const [kind = '', key = ''] = name.split('.');
  const known = Object.keys(project).filter((other) => other.startsWith(`${kind}.`));
  const near = nearestName(name, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  if (kind === 'args') return `args: has no argument ${key}${hint}`;
  return known.length === 0
    ? `${name} stands outside of a sandbox with matrix:`
    : `matrix: has no axis ${key}${hint}`;
}

/** Compose's operators, between a variable's name and the operand. Longest first. */
const OPERATORS = [':-', ':?', ':+', '-', '?', '+'] as const;

interface Reference {
  readonly name: string;
  readonly operator: '' | (typeof OPERATORS)[number];
  readonly operand: string;
}

function readReference(reference: string): Reference | null {
  const inner = reference.slice(2, -1);
  const name = NAME.exec(inner)?.[0] ?? '';
  const rest = inner.slice(name.length);
  const operator = OPERATORS.find((candidate) => rest.startsWith(candidate)) ?? '';
  if (name === '' || (operator === '' && rest !== '')) return null;
  return { name, operator, operand: rest.slice(operator.length) };
}

function resolveReference(text: string, source: Source): string {
  const reference = readReference(text);
  if (reference === null) {
    const message = `${JSON.stringify(text)} is not a variable reference`;
    source.problem(text, 'variable_syntax', message);
    return '';
  }
  const { name, operator, operand } = reference;
  const found = lookUp(source, name);
  // With a colon an empty value counts as unset.
  const value = operator.startsWith(':') && found === '' ? undefined : found;
  if (operator.endsWith('+')) return value === undefined ? '' : expand(operand, source);
  if (value !== undefined) {
    if (!name.includes('.')) source.taken.set(name, value);
    return value;
  }
  if (found === undefined && name.includes('.')) {
    source.problem(text, 'reference_unknown', unknownReference(name, source));
    return '';
  }
  if (operator.endsWith('-')) return expand(operand, source);
  const missing = found === undefined ? 'not set' : 'empty';
  const why = operator === '' ? ' in the environment' : `: ${operand || 'it is required'}`;
  source.problem(text, 'variable_unset', `variable ${name} is ${missing}${why}`);
  return '';
}

// A lone `$` stays: `$HOME` and `$(date)` in a script belong to the guest's shell.
function expand(text: string, source: Source): string {
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
        source.problem('${', 'variable_syntax', '"${" is never closed by "}"');
        return result;
      }
      result += resolveReference(text.slice(dollar, end), source);
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

function interpolateScalar(node: ScalarNode, values: Values, issues: Issue[]): ScalarNode {
  if (typeof node.value !== 'string' || !node.value.includes('$')) return node;
  const { file, start, end } = node.span;
  let cursor = start;
  const problem: Problem = (reference, code, message) => {
    // The file contains the same text, unless escapes or line folding changed it.
    const found = file.text.indexOf(reference, cursor);
    const offset = found >= 0 && found < end ? found : start;
    cursor = offset === found ? found + reference.length : cursor;
    issues.push({ code, message, hint: ISSUE_HINTS[code], at: placeAt(file, offset) });
  };
  const taken = new Map<string, string>();
  const text = expand(node.value, { ...values, taken, problem });
  if (text.length > MAX_VALUE_LENGTH) {
    const message = `value too long after its variables were substituted: at most ${MAX_VALUE_LENGTH} characters`;
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
  return { ...node, value, text, template: node.value, hostVariables: taken };
}

/**
 * Substitutes the variables of a tree, in values only (never keys), in Compose's forms: `${NAME}`, `${NAME:-default}`,
 * `${NAME:?message}`, `${NAME:+other}`, the same without the colon, and `$$`. An unset `${NAME}` is an issue at the
 * reference itself. `${args.NAME}` and `${matrix.NAME}` take the same forms. Values never appear in an issue. Pure.
 */
export function interpolate(node: SourceNode, values: Values, issues: Issue[]): SourceNode {
  if (node.kind === 'scalar') return interpolateScalar(node, values, issues);
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item) => interpolate(item, values, issues)) };
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    entries.set(key, { ...entry, value: interpolate(entry.value, values, issues) });
  }
  return { ...node, entries };
}
