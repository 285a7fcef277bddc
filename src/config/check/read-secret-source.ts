import { dirname, resolve } from 'node:path';
import type { SecretSourceConfig } from '../config.ts';
import { getChild, getItems, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, textOr } from './check-context.ts';

function readFile(context: CheckContext, node: ScalarNode, field: string): SecretSourceConfig {
  const path = resolve(dirname(node.span.file.path), node.text);
  const kind = context.access.pathKind(path);
  if (kind === 'missing') {
    report(context, node, 'path_missing', `${field}.file: no file at ${path}`);
  } else if (kind === 'directory') {
    report(context, node, 'path_kind', `${field}.file: want a file, got a directory: ${path}`);
  }
  return { kind: 'file', path };
}

/**
 * Reads where a secret value comes from: `env`, `file` or `command`.
 * @param as  `field`: the key, for issues. `variable`: the host's variable where none is named.
 */
export function readSecretSource(
  context: CheckContext,
  node: SourceNode | undefined,
  { field, variable }: { readonly field: string; readonly variable: string },
): SecretSourceConfig {
  const file = getChild(node, 'file');
  if (isScalar(file)) return readFile(context, file, field);
  const command = getChild(node, 'command');
  if (command === undefined) {
    return { kind: 'env', variable: textOr(getChild(node, 'env'), variable) };
  }
  const directory = dirname(command.span.file.path);
  const words = getItems(command).map((item) => textOr(item, ''));
  return {
    kind: 'command',
    command: command.kind === 'list' ? words : textOr(command, ''),
    directory,
  };
}
