import { nearestName } from '../../util/nearest-name.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { MAX_VALUE_LENGTH } from './limits.ts';
import {
  endOfReference,
  hasOutputs,
  joinTexts,
  type Reference,
  readReference,
  spellParts,
  type TextParts,
} from './output-reference.ts';
import { type MapEntry, placeAt, type ScalarNode, type SourceNode } from './source-node.ts';

/** Variables of the host by name. */
export type HostEnv = Readonly<Record<string, string | undefined>>;

/** The values that references of a tree may have. */
export interface Values {
  readonly env: HostEnv;
  /** Values of the project by reference: `args.browser`, `matrix.node`. */
  readonly project: Readonly<Record<string, string>>;
  /** Outputs of steps may be used in the tree: it is that of a sandbox. @default false */
  readonly hasSteps?: boolean;
}

type Problem = (reference: string, code: IssueCode, message: string) => void;

/** The source of values, with a record of those of the host that were used and a way to report mistakes. */
interface Source extends Values {
  readonly taken: Map<string, string>;
  readonly problem: Problem;
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

/** Returns the reference to an output, with its operand as text: that may contain variables, but no output. */
function deferReference(
  text: string,
  { output, operator, operand }: Reference,
  source: Source,
): TextParts {
  const inner = expand(operand, source);
  if (output === null || source.hasSteps !== true || hasOutputs(inner)) {
    const where = source.hasSteps === true ? 'within another reference' : 'outside of a sandbox';
    source.problem(text, 'variable_syntax', `${text}: an output cannot stand ${where}`);
    return [];
  }
  return [{ text, ...output, operator, operand: spellParts(inner) }];
}

function resolveReference(text: string, source: Source): TextParts {
  const reference = readReference(text);
  if (reference === null) {
    const message = `${JSON.stringify(text)} is not a variable reference`;
    source.problem(text, 'variable_syntax', message);
    return [];
  }
  if (reference.output !== null) return deferReference(text, reference, source);
  return resolveVariable(text, reference, source);
}

function resolveVariable(
  text: string,
  { name, operator, operand }: Reference,
  source: Source,
): TextParts {
  const found = lookUp(source, name);
  // With a colon an empty value counts as unset.
  const value = operator.startsWith(':') && found === '' ? undefined : found;
  if (operator.endsWith('+')) return value === undefined ? [] : expand(operand, source);
  if (value !== undefined) {
    if (!name.includes('.')) source.taken.set(name, value);
    return [value];
  }
  if (found === undefined && name.includes('.')) {
    source.problem(text, 'reference_unknown', unknownReference(name, source));
    return [];
  }
  if (operator.endsWith('-')) return expand(operand, source);
  const missing = found === undefined ? 'not set' : 'empty';
  const why = operator === '' ? ' in the environment' : `: ${operand || 'it is required'}`;
  source.problem(text, 'variable_unset', `variable ${name} is ${missing}${why}`);
  return [];
}

// A lone `$` stays: `$HOME` and `$(date)` in a script belong to the guest's shell.
function expand(text: string, source: Source): TextParts {
  const result: TextParts[number][] = [];
  let index = 0;
  while (index < text.length) {
    const dollar = text.indexOf('$', index);
    if (dollar < 0) break;
    result.push(text.slice(index, dollar));
    const next = text[dollar + 1];
    if (next === '{') {
      const end = endOfReference(text, dollar);
      if (end < 0) {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the project file's own syntax
        source.problem('${', 'variable_syntax', '"${" is never closed by "}"');
        return result;
      }
      result.push(...resolveReference(text.slice(dollar, end), source));
      index = end;
    } else {
      result.push('$');
      index = dollar + (next === '$' ? 2 : 1);
    }
  }
  return joinTexts([...result, text.slice(index)]);
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
  const parts = expand(node.value, { ...values, taken, problem });
  const text = spellParts(parts);
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
  const deferred = hasOutputs(parts) ? { parts } : {};
  if (text === node.value) return { ...node, ...deferred };
  const value = node.isPlain ? plainValue(text) : text;
  return { ...node, value, text, template: node.value, hostVariables: taken, ...deferred };
}

/**
 * Substitutes the variables of a tree, in values only (never keys), in Compose's forms: `${NAME}`, `${NAME:-default}`,
 * `${NAME:?message}`, `${NAME:+other}`, the same without the colon, and `$$`. An unset `${NAME}` is an issue at the
 * reference itself. `${args.NAME}` and `${matrix.NAME}` take the same forms. Outputs of steps stay as they are, and the text has
 * `parts`. Values never appear in an issue. Pure.
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
