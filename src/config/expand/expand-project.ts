import { report } from '../check/check-context.ts';
import type { Issue } from '../issue.ts';
import { type HostEnv, interpolate, type Values } from '../yaml/interpolate.ts';
import {
  getChild,
  getEntries,
  type MapEntry,
  type MapNode,
  type SourceNode,
} from '../yaml/source-node.ts';
import { type Combination, combinationName, readMatrix } from './matrix.ts';
import { type GivenArgs, readArgs } from './read-args.ts';

/** Longest name of a sandbox. */
const MAX_NAME_LENGTH = 63;

/** A sandbox that `matrix:` made: its values, and the name of the sandbox in the file. */
export interface MatrixCell {
  readonly sandbox: string;
  readonly values: Combination;
}

/** A project file with its values substituted and a sandbox for each combination of a matrix. */
export interface ExpandedProject {
  readonly tree: SourceNode;
  /** By the name of the sandbox in `tree`. */
  readonly cells: ReadonlyMap<string, MatrixCell>;
}

interface Expansion {
  readonly values: Values;
  readonly issues: Issue[];
  readonly cells: Map<string, MatrixCell>;
  readonly entries: Map<string, MapEntry>;
}

function withMatrix(values: Values, combination: Combination): Values {
  const axes = Object.entries(combination).map(([axis, value]) => [`matrix.${axis}`, value]);
  return { ...values, project: { ...values.project, ...Object.fromEntries(axes) } };
}

function addCell(
  { values, issues, cells, entries }: Expansion,
  sandbox: string,
  entry: MapEntry,
  combination: Combination,
): void {
  const name = combinationName(sandbox, combination);
  if (entries.has(name) || name.length > MAX_NAME_LENGTH) {
    const problem = entries.has(name)
      ? 'two sandboxes would have this name'
      : `a name has at most ${MAX_NAME_LENGTH} characters`;
    const message = `matrix of ${sandbox}: ${name}: ${problem}`;
    report({ issues }, { span: entry.keySpan }, 'matrix_name', message);
    return;
  }
  cells.set(name, { sandbox, values: combination });
  const own = { ...withMatrix(values, combination), hasSteps: true };
  const value = interpolate(entry.value, own, issues);
  entries.set(name, { ...entry, value });
}

/** A matrix of another form is for the schema to report; an empty one stands for none. */
function isMatrix(node: SourceNode): boolean {
  const parts = getEntries(node);
  const isFilled = ([name, { value }]: (typeof parts)[number]) =>
    value.kind === 'list' && (value.items.length > 0 || name === 'include' || name === 'exclude');
  return parts.length > 0 && parts.every(isFilled);
}

function addSandbox(expansion: Expansion, name: string, entry: MapEntry): void {
  const { values, issues, entries } = expansion;
  const raw = getChild(entry.value, 'matrix');
  const matrix = raw === undefined ? undefined : interpolate(raw, values, issues);
  if (matrix === undefined || !isMatrix(matrix)) {
    const value = interpolate(entry.value, { ...values, hasSteps: true }, issues);
    entries.set(name, { ...entry, value });
    return;
  }
  for (const combination of readMatrix(matrix, issues))
    addCell(expansion, name, entry, combination);
}

/** Moves the keys of the flat form into the one sandbox that they describe, because a matrix makes several of it. */
function nested(tree: MapNode, name: string, topLevelOnly: readonly string[]): MapNode {
  const matrix = tree.entries.get('matrix');
  if (matrix === undefined || tree.entries.has('sandboxes')) return tree;
  const isTop = ([key]: readonly [string, MapEntry]) => topLevelOnly.includes(key);
  const all = [...tree.entries];
  const sandbox: MapNode = { ...tree, entries: new Map(all.filter((entry) => !isTop(entry))) };
  const named: MapNode = {
    kind: 'map',
    entries: new Map([[name, { keySpan: matrix.keySpan, value: sandbox }]]),
    span: tree.span,
  };
  const entries = new Map(all.filter(isTop));
  entries.set('sandboxes', { keySpan: matrix.keySpan, value: named });
  return { ...tree, entries };
}

function substituteAll(
  tree: MapNode,
  expansion: Expansion,
  topLevelOnly: readonly string[],
): MapNode {
  const { values, issues } = expansion;
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of tree.entries) {
    if (key === 'args') continue;
    if (key === 'sandboxes' && entry.value.kind === 'map') {
      for (const [name, sandbox] of entry.value.entries) addSandbox(expansion, name, sandbox);
      entries.set(key, { ...entry, value: { ...entry.value, entries: expansion.entries } });
    } else {
      // In the flat form the keys of the sandbox stand here.
      const hasSteps = key === 'defaults' || !topLevelOnly.includes(key);
      const value = interpolate(entry.value, { ...values, hasSteps }, issues);
      entries.set(key, { ...entry, value });
    }
  }
  return { ...tree, entries };
}

/**
 * Substitutes the variables, arguments and matrix values of a project, and makes a sandbox of each combination of a matrix.
 * @param name  Name of the sandbox of a flat file.
 */
export function expandProject(
  tree: SourceNode,
  {
    env,
    args,
    name,
    topLevelOnly,
  }: {
    readonly env: HostEnv;
    readonly args: GivenArgs;
    readonly name: string;
    readonly topLevelOnly: readonly string[];
  },
  issues: Issue[],
): ExpandedProject {
  const declared = getChild(tree, 'args');
  const host: Values = { env, project: {} };
  const filled = declared === undefined ? undefined : interpolate(declared, host, issues);
  const values = { env, project: readArgs(filled, args, tree, issues) };
  const cells = new Map<string, MatrixCell>();
  if (tree.kind !== 'map') return { tree: interpolate(tree, values, issues), cells };
  const expansion: Expansion = { values, issues, cells, entries: new Map() };
  const expanded = substituteAll(nested(tree, name, topLevelOnly), expansion, topLevelOnly);
  if (declared === undefined || filled === undefined) return { tree: expanded, cells };
  // The schema checks its form.
  const entries = new Map(expanded.entries);
  const own = tree.entries.get('args');
  if (own !== undefined) entries.set('args', { ...own, value: filled });
  return { tree: { ...expanded, entries }, cells };
}
