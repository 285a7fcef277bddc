import { nearestName } from '../../util/nearest-name.ts';
import { report } from '../check/check-context.ts';
import type { Issue } from '../issue.ts';
import { getChild, getEntries, getItems, type SourceNode } from '../yaml/source-node.ts';

/** Values of `--arg NAME=VALUE` by name. */
export type GivenArgs = Readonly<Record<string, string>>;

/** Longest pattern and longest value that it is compared with: a regular expression can take exponential time. */
const MAX_PATTERN_LENGTH = 256;
const MAX_VALUE_LENGTH = 4096;

type Context = Parameters<typeof report>[0];

function textOf(node: SourceNode | undefined): string | undefined {
  return node?.kind === 'scalar' && node.value !== null ? node.text : undefined;
}

function compile(source: string): RegExp | null {
  if (source.length > MAX_PATTERN_LENGTH) return null;
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch {
    return null;
  }
}

/** Reports a value that `enum:` or `pattern:` of its argument does not allow. The value itself may be confidential. */
function checkValue(name: string, node: SourceNode, value: string, context: Context): void {
  const allowed = getItems(getChild(node, 'enum')).map(textOf);
  if (allowed.length > 0 && !allowed.includes(value)) {
    report(context, node, 'arg_value', `args.${name}: want one of ${allowed.join(', ')}`);
    return;
  }
  const source = textOf(getChild(node, 'pattern'));
  if (source === undefined) return;
  const pattern = compile(source);
  if (pattern === null) {
    const message = `args.${name}.pattern: not a regular expression of at most ${MAX_PATTERN_LENGTH} characters`;
    report(context, node, 'bad_value', message);
  } else if (value.length > MAX_VALUE_LENGTH || !pattern.test(value)) {
    report(
      context,
      node,
      'arg_value',
      `args.${name}: its value does not match the pattern ${source}`,
    );
  }
}

function readArg(
  name: string,
  node: SourceNode,
  given: GivenArgs,
  context: Context,
): string | undefined {
  const isShort = node.kind === 'scalar';
  const own = isShort ? textOf(node) : textOf(getChild(node, 'default'));
  const value = Object.hasOwn(given, name) ? given[name] : own;
  if (value === undefined) report(context, node, 'arg_missing', `args.${name}: it has no value`);
  else if (!isShort) checkValue(name, node, value, context);
  return value;
}

/**
 * Reads `args:`, with its variables substituted, and the values given on the command line.
 * @returns The values by reference, `args.NAME`. One that is missing is the empty text, so that it is reported once.
 */
export function readArgs(
  node: SourceNode | undefined,
  given: GivenArgs,
  root: SourceNode,
  issues: Issue[],
): Record<string, string> {
  const context = { issues };
  const declared = getEntries(node);
  const values: Record<string, string> = {};
  for (const [name, { value }] of declared) {
    values[`args.${name}`] = readArg(name, value, given, context) ?? '';
  }
  const names = declared.map(([name]) => name);
  for (const name of Object.keys(given).filter((one) => !names.includes(one))) {
    const near = nearestName(name, names);
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    report(
      context,
      node ?? root,
      'arg_unknown',
      `--arg ${name}: the project has no such argument${hint}`,
    );
  }
  return values;
}
