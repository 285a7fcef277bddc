import { dirname, resolve } from 'node:path';
import type { FunctionConfig } from '../config.ts';
import { getChild, getEntries, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report } from './check-context.ts';
import { readDuration, readSizeBytes } from './quantities.ts';
import { readEnv } from './read-env.ts';

const DEFAULT_TIMEOUT_MS = 5_000;
/** The longest limit that a call takes. */
const MAX_TIMEOUT_MS = 3_600_000;

/** Reads the top-level `functions:`. */
export function readFunctions(
  context: CheckContext,
  node: SourceNode | undefined,
): FunctionConfig[] {
  return getEntries(node).map(([name, { value }]) => ({
    name,
    handlerPath: readHandler(context, name, getChild(value, 'handler')),
    timeoutMs: readTimeoutMs(context, name, getChild(value, 'timeout')),
    memoryBytes: readSizeBytes(context, getChild(value, 'memory'), {
      key: `functions.${name}.memory`,
      fallback: '16MiB',
      min: '1MiB',
    }),
    env: readEnv(context, getChild(value, 'env')).env,
  }));
}

function readHandler(context: CheckContext, name: string, node: SourceNode | undefined): string {
  if (!isScalar(node)) return '';
  const path = resolve(dirname(node.span.file.path), node.text);
  const kind = context.access.pathKind(path);
  const key = `functions.${name}.handler`;
  if (kind === 'missing') report(context, node, 'path_missing', `${key}: no file at ${path}`);
  else if (kind !== 'file') report(context, node, 'path_kind', `${key}: not a file: ${path}`);
  return path;
}

function readTimeoutMs(context: CheckContext, name: string, node: SourceNode | undefined): number {
  const key = `functions.${name}.timeout`;
  const timeoutMs = readDuration(context, node, { key, fallbackMs: DEFAULT_TIMEOUT_MS });
  if (node === undefined || timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  report(context, node, 'bad_value', `${key}: want at most 1h`);
  return MAX_TIMEOUT_MS;
}
