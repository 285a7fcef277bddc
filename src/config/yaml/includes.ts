import { dirname, resolve } from 'node:path';
import type { FileAccess } from '../file-access.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import { type HostEnv, interpolate } from './interpolate.ts';
import { MAX_INCLUDE_DEPTH, MAX_INCLUDED_FILES } from './limits.ts';
import { dropNotes, mergeNodes } from './merge-nodes.ts';
import { parseYaml } from './parse-yaml.ts';
import {
  getChild,
  getItems,
  type MapEntry,
  type ScalarNode,
  type SourceFile,
  type SourceNode,
  startPlace,
} from './source-node.ts';

/** A project file with its includes merged under it. */
export interface ReadTree {
  /** Undefined when the project file is empty or not valid YAML. */
  readonly tree: SourceNode | undefined;
  /** The project file, then its includes in the order they were read. */
  readonly files: readonly SourceFile[];
}

interface IncludeState {
  readonly access: FileAccess;
  readonly env: HostEnv;
  readonly issues: Issue[];
  readonly files: SourceFile[];
}

function report(state: IncludeState, node: SourceNode, code: IssueCode, message: string): void {
  state.issues.push({ code, message, hint: ISSUE_HINTS[code], at: startPlace(node.span) });
}

function withoutInclude(node: SourceNode): SourceNode {
  if (node.kind !== 'map') return node;
  const entries = new Map<string, MapEntry>(node.entries);
  entries.delete('include');
  return { ...node, entries };
}

/** Returns the scalars of `include:`, which is one path or a list of paths. The schema reports other kinds. */
function includePaths(tree: SourceNode): ScalarNode[] {
  const include = getChild(tree, 'include');
  const nodes = include?.kind === 'scalar' ? [include] : getItems(include);
  return nodes.filter(
    (node): node is ScalarNode => node.kind === 'scalar' && typeof node.value === 'string',
  );
}

function includeFile(
  state: IncludeState,
  node: ScalarNode,
  chain: readonly string[],
): SourceNode | undefined {
  const filled = interpolate(node, { env: state.env, project: {} }, state.issues);
  const text = filled.kind === 'scalar' ? filled.text : '';
  const path = resolve(dirname(node.span.file.path), text);
  if (chain.includes(path)) {
    const cycle = [...chain.slice(chain.indexOf(path)), path].join(' -> ');
    report(state, node, 'include_cycle', `include: files include each other: ${cycle}`);
    return undefined;
  }
  if (chain.length >= MAX_INCLUDE_DEPTH || state.files.length >= MAX_INCLUDED_FILES) {
    const limits = `${MAX_INCLUDE_DEPTH} levels and ${MAX_INCLUDED_FILES} files`;
    report(state, node, 'include_depth', `include: too many includes: at most ${limits}`);
    return undefined;
  }
  const read = state.access.readText(path);
  if (read.text === undefined) {
    report(state, node, 'file_unreadable', `include: cannot read ${path}: ${read.problem}`);
    return undefined;
  }
  const known = state.files.find((file) => file.path === path);
  const file = known ?? { path, text: read.text };
  if (known === undefined) state.files.push(file);
  return resolveFile(state, file, [...chain, path]);
}

function resolveFile(
  state: IncludeState,
  file: SourceFile,
  chain: readonly string[],
): SourceNode | undefined {
  const parsed = parseYaml(file, state.issues);
  if (parsed === undefined) return undefined;
  const tree = dropNotes(parsed);
  let under: SourceNode | undefined;
  for (const node of includePaths(tree)) {
    const included = includeFile(state, node, chain);
    if (included !== undefined) under = mergeNodes(under, withoutInclude(included));
  }
  return mergeNodes(under, tree);
}

/**
 * Reads the includes of a project file and merges each under the file that names it: maps merge, lists replace, a later
 * include wins over an earlier one, the including file over both. Every value keeps a reference to its own file. Paths start
 * at the file that names them. Variables are substituted in the paths only. `x-` notes are removed.
 */
export function readTree(
  file: SourceFile,
  access: FileAccess,
  env: HostEnv,
  issues: Issue[],
): ReadTree {
  const state: IncludeState = { access, env, issues, files: [file] };
  const tree = resolveFile(state, file, [file.path]);
  return { tree, files: state.files };
}
