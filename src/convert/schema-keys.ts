import { readFileSync } from 'node:fs';
import { packageFile } from '../host/package-root.ts';

interface SchemaNode {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
}

let schema: SchemaNode | undefined;

function readSchema(): SchemaNode {
  schema ??= JSON.parse(
    readFileSync(packageFile('schema', 'gondolin.schema.json'), 'utf8'),
  ) as SchemaNode;
  return schema;
}

/**
 * Returns true when this version's project file has the key in a sandbox, such as `ports` or `healthcheck`, `interval`. A converter
 * asks before it writes a key, so that it carries over more as soon as the schema knows more.
 */
export function isSandboxKey(...path: readonly string[]): boolean {
  const root = readSchema();
  let node: SchemaNode | undefined = root.definitions?.['sandbox'];
  for (const key of path) {
    node = node?.properties?.[key];
    const name = /^#\/definitions\/(\w+)$/.exec(node?.$ref ?? '')?.[1];
    if (name !== undefined) node = root.definitions?.[name];
  }
  return node !== undefined;
}
