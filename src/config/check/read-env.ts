import { dirname, resolve } from 'node:path';
import { looksSecret } from '../print/looks-secret.ts';
import {
  getChild,
  getEntries,
  getItems,
  type ScalarNode,
  type SourceNode,
} from '../yaml/source-node.ts';
import { type CheckContext, flagOr, isScalar, report } from './check-context.ts';
import { parseDotenv } from './parse-dotenv.ts';

/** Variables, and the names of those whose values come from the host and must not be printed. */
export interface EnvConfig {
  readonly env: Readonly<Record<string, string>>;
  readonly masked: readonly string[];
}

/** Returns the names in `env:` that take the host's value, in either form. */
export function inheritedNames(node: SourceNode | undefined): string[] {
  return [
    ...getEntries(node).flatMap(([name, { value }]) =>
      isScalar(value) && value.value === null ? [name] : [],
    ),
    ...getItems(node).flatMap((item) =>
      isScalar(item) && !item.text.includes('=') ? [item.text] : [],
    ),
  ];
}

/** Returns true when the value may contain a credential of the host, judging by the names on both sides and by its look. */
function holdsSecret(context: CheckContext, name: string, node: ScalarNode): boolean {
  return [...(node.hostVariables ?? [])].some(
    ([variable, value]) =>
      context.maskedVariables?.has(variable) === true ||
      looksSecret(variable, value) ||
      looksSecret(name, value),
  );
}

/** Reads `env:`, a map or a list. A bare key takes the host's value, and is left out if the host has none. */
export function readEnv(context: CheckContext, node: SourceNode | undefined): EnvConfig {
  const host = context.env;
  const env = new Map<string, string>();
  const masked: string[] = [];
  const inherit = (name: string) => {
    const value = Object.hasOwn(host, name) ? host[name] : undefined;
    if (value === undefined) return;
    env.set(name, value);
    masked.push(name);
  };
  for (const [name, { value }] of getEntries(node)) {
    if (!isScalar(value)) continue;
    if (value.value === null) inherit(name);
    else env.set(name, value.text);
    if (holdsSecret(context, name, value)) masked.push(name);
  }
  for (const item of getItems(node)) {
    if (!isScalar(item)) continue;
    const at = item.text.indexOf('=');
    if (at < 0) {
      inherit(item.text);
      continue;
    }
    const name = item.text.slice(0, at);
    env.set(name, item.text.slice(at + 1));
    if (holdsSecret(context, name, item)) masked.push(name);
  }
  // Not built by assignment: `__proto__` is a variable name like any other.
  return { env: Object.fromEntries(env), masked };
}

interface EnvFile {
  readonly path: ScalarNode;
  readonly isRequired: boolean;
}

function envFiles(node: SourceNode | undefined): EnvFile[] {
  const nodes = node?.kind === 'scalar' ? [node] : getItems(node);
  const files: EnvFile[] = [];
  for (const item of nodes) {
    const path = item.kind === 'map' ? getChild(item, 'path') : item;
    if (isScalar(path)) files.push({ path, isRequired: flagOr(getChild(item, 'required'), true) });
  }
  return files;
}

/** The variables of `env_file:`, and its files: absolute paths, including optional files that are missing. */
export interface EnvFilesConfig extends EnvConfig {
  readonly files: readonly string[];
}

/** Reads `env_file:`; a later file wins. Values never appear in an issue. */
export function readEnvFiles(context: CheckContext, node: SourceNode | undefined): EnvFilesConfig {
  let env: Readonly<Record<string, string>> = {};
  const files: string[] = [];
  for (const { path, isRequired } of envFiles(node)) {
    const file = resolve(dirname(path.span.file.path), path.text);
    files.push(file);
    if (!isRequired && context.access.pathKind(file) === 'missing') continue;
    const { text, problem } = context.access.readText(file);
    if (text === undefined) {
      report(context, path, 'file_unreadable', `env_file: cannot read ${file}: ${problem}`);
      continue;
    }
    const parsed = parseDotenv(text);
    for (const line of parsed.badLines) {
      const message = `env_file: line ${line} of ${file} is not NAME=value`;
      report(context, path, 'env_file_syntax', message);
    }
    env = { ...env, ...parsed.env };
  }
  return { env, masked: Object.keys(env), files };
}
