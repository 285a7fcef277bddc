import { basename, dirname } from 'node:path';
import { type CheckContext, textOr } from './check/check-context.ts';
import { checkOutputs } from './check/check-outputs.ts';
import { readDependencies } from './check/read-dependencies.ts';
import { readFunctions } from './check/read-functions.ts';
import { readImages } from './check/read-images.ts';
import { readSandbox } from './check/read-sandbox.ts';
import { checkServiceKeys } from './check/read-service.ts';
import { readNamedVolumes } from './check/read-volumes.ts';
import type { Config, FunctionConfig, SandboxConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { type ExpandedProject, expandProject, type MatrixCell } from './expand/expand-project.ts';
import type { GivenArgs } from './expand/read-args.ts';
import type { FileAccess } from './file-access.ts';
import { findFormIssues, withoutEchoes } from './form/form-issues.ts';
import { ISSUE_HINTS, type Issue, sortIssues } from './issue.ts';
import { blankSecrets } from './print/blank-secrets.ts';
import { readTree } from './yaml/includes.ts';
import type { HostEnv } from './yaml/interpolate.ts';
import { mergeNodes } from './yaml/merge-nodes.ts';
import { getChild, getEntries, type SourceFile, type SourceNode } from './yaml/source-node.ts';

/** The surroundings in which a project file is read; tests pass their own. */
export interface ReadConfigOptions {
  readonly access: FileAccess;
  /** Variables of the host. */
  readonly env: HostEnv;
  /** Overrides the project's name. */
  readonly projectName?: string;
  /** Values of the project's `args:` by name. */
  readonly args?: GivenArgs;
}

const TOP_LEVEL_ONLY = [
  ...['version', 'name', 'include', 'args', 'defaults', 'images', 'sandboxes', 'functions'],
];

/** Derives a project name from a directory's name: lower-case letters, digits, `_` and `-`. */
function projectNameFrom(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-');
  return name.replace(/^[^a-z0-9]+/, '').slice(0, 63) || 'project';
}

/** Returns the top-level keys of the flat form as one sandbox. */
function flatSandbox(tree: SourceNode): SourceNode {
  if (tree.kind !== 'map') return tree;
  const entries = new Map([...tree.entries].filter(([key]) => !TOP_LEVEL_ONLY.includes(key)));
  return { ...tree, entries };
}

/** Returns false for a file that has functions and nothing to run in a sandbox. */
function hasSandbox(tree: SourceNode): boolean {
  const own = getEntries(flatSandbox(tree)).filter(([key]) => !key.startsWith('x-'));
  return own.length > 0 || getEntries(getChild(tree, 'sandboxes')).length > 0;
}

function cellOf(cell: MatrixCell | undefined): Pick<SandboxConfig, 'matrix' | 'matrixOf'> {
  return cell === undefined
    ? { matrix: {}, matrixOf: null }
    : { matrix: cell.values, matrixOf: cell.sandbox };
}

function readSandboxes(
  context: CheckContext,
  { tree, cells }: ExpandedProject,
  name: string,
): SandboxConfig[] {
  const shared = {
    images: readImages(context, getChild(tree, 'images')),
    named: readNamedVolumes(context, getChild(tree, 'volumes')),
  };
  const defaults = getChild(tree, 'defaults');
  const named = getEntries(getChild(tree, 'sandboxes'));
  const nodes: (readonly [string, SourceNode])[] =
    named.length > 0 ? named.map(([key, { value }]) => [key, value]) : [[name, flatSandbox(tree)]];
  const placed = nodes.map(([key, own]) => {
    const node = mergeNodes(defaults, own);
    checkServiceKeys(context, own, node);
    const sandbox = { ...readSandbox(context, key, node, shared), ...cellOf(cells.get(key)) };
    return { sandbox, node };
  });
  const nodeOf = new Map(placed.map(({ sandbox, node }) => [sandbox.name, node]));
  const dependent = readDependencies(context, placed).flatMap((sandbox) => {
    const node = nodeOf.get(sandbox.name);
    return node === undefined ? [] : [{ sandbox, node }];
  });
  return checkOutputs(context, dependent);
}

function emptyIssue(file: SourceFile): Issue {
  const at = { file: file.path, line: 1, col: 1 };
  return {
    code: 'no_sandbox',
    message: 'the file contains no sandbox',
    hint: ISSUE_HINTS.no_sandbox,
    at,
  };
}

/** Names the sandbox of the file where an issue is about a cell of its matrix: what all cells have is one mistake. */
function inFile(issue: Issue, cells: ExpandedProject['cells']): Issue {
  for (const [name, { sandbox }] of cells) {
    for (const place of [(of: string) => `sandboxes.${of}.`, (of: string) => `sandbox "${of}":`]) {
      if (!issue.message.startsWith(place(name))) continue;
      return { ...issue, message: place(sandbox) + issue.message.slice(place(name).length) };
    }
  }
  return issue;
}

/**
 * Turns the text of a project file into its checked Config. Reads includes and env files, and looks up the kinds of host paths.
 * @throws {ConfigError} CONFIG_INVALID with every mistake at once.
 */
export function readConfig(file: SourceFile, options: ReadConfigOptions): Config {
  const { access, env, projectName, args = {} } = options;
  const issues: Issue[] = [];
  const { tree, files } = readTree(file, access, env, issues);
  const directory = dirname(file.path);
  let name = projectName ?? projectNameFrom(directory);
  let sandboxes: SandboxConfig[] = [];
  let functions: FunctionConfig[] = [];
  if (tree === undefined) {
    if (issues.length === 0) issues.push(emptyIssue(file));
  } else {
    const own = { env, args, topLevelOnly: TOP_LEVEL_ONLY };
    const flatName = projectName ?? textOr(getChild(tree, 'name'), name);
    const expanded = expandProject(tree, { ...own, name: flatName }, issues);
    const filled = expanded.tree;
    const formIssues = findFormIssues(filled);
    name = projectName ?? textOr(getChild(filled, 'name'), name);
    // Even if the form is wrong, what can be read is checked, so that all mistakes are reported at once.
    const context: CheckContext = { access, env, issues: [] };
    functions = readFunctions(context, getChild(filled, 'functions'));
    if (functions.length === 0 || hasSandbox(filled)) {
      sandboxes = readSandboxes(context, expanded, name);
    }
    const found = [...formIssues, ...withoutEchoes(context.issues, formIssues)];
    issues.push(...found.map((issue) => inFile(issue, expanded.cells)));
  }
  if (issues.length > 0) {
    const paths = files.map(({ path }) => path);
    throw new ConfigError(sortIssues(issues, paths), blankSecrets(files, tree));
  }
  return { name, files: files.map(({ path }) => path), directory, sandboxes, functions };
}
