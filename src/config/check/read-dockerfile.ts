import { dirname, resolve } from 'node:path';
import type { DockerfileConfig, NetworkConfig } from '../config.ts';
import { getChild, getEntries, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, textOr } from './check-context.ts';
import { readSecretConfigs } from './read-secrets.ts';

const KEYS = ['context', 'args', 'target', 'secrets'];

/** Reports the keys that only an image with `dockerfile:` has. */
export function refuseDockerfileKeys(context: CheckContext, name: string, node: SourceNode): void {
  for (const key of KEYS) {
    const child = getChild(node, key);
    if (child === undefined) continue;
    const message = `images.${name}.${key}: only an image with dockerfile: has one`;
    report(context, child, 'needs_dockerfile', message);
  }
}

/** Reads the keys of an image with `dockerfile:`. Paths start at the file that contains them. */
export function readDockerfile(
  context: CheckContext,
  name: string,
  node: SourceNode,
  dockerfile: ScalarNode,
  network: NetworkConfig,
): DockerfileConfig {
  const path = resolve(dirname(dockerfile.span.file.path), dockerfile.text);
  if (context.access.pathKind(path) !== 'file') {
    const message = `images.${name}.dockerfile: no file at ${path}`;
    report(context, dockerfile, 'path_missing', message);
  }
  const directory = getChild(node, 'context');
  const from = isScalar(directory)
    ? resolve(dirname(directory.span.file.path), directory.text)
    : dirname(path);
  if (isScalar(directory) && context.access.pathKind(from) !== 'directory') {
    report(context, directory, 'path_missing', `images.${name}.context: no directory at ${from}`);
  }
  const args = getEntries(getChild(node, 'args')).map(([key, { value }]) => [
    key,
    textOr(value, ''),
  ]);
  const target = getChild(node, 'target');
  return {
    path,
    context: from,
    args: Object.fromEntries(args) as Record<string, string>,
    target: isScalar(target) ? target.text : null,
    secrets: readSecretConfigs(context, getChild(node, 'secrets'), {
      network,
      variables: new Map(),
    }),
  };
}
