import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { packageFile } from '../../host/package-root.ts';
import type { Issue } from '../issue.ts';
import { type SourceNode, toPlain } from '../yaml/source-node.ts';
import { schemaIssues } from './schema-issues.ts';

/** Checks a tree against schema/gondolin.schema.json. Every mistake is an issue; none means that its form is right. */
export function validateTree(tree: SourceNode): Issue[] {
  const schema: object = JSON.parse(
    readFileSync(packageFile('schema', 'gondolin.schema.json'), 'utf8'),
  );
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: false, ownProperties: true });
  const validate = ajv.compile(schema);
  return validate(toPlain(tree)) ? [] : schemaIssues(validate.errors ?? [], tree);
}
