import type { Issue } from '../issue.ts';
import { type SourceNode, toPlain } from '../yaml/source-node.ts';
import { validateSchema } from './compiled-schema.ts';
import { schemaIssues } from './schema-issues.ts';

/** Checks a tree against schema/gondolin.schema.json. Every mistake is an issue; none means that its form is right. */
export function validateTree(tree: SourceNode): Issue[] {
  return validateSchema(toPlain(tree)) ? [] : schemaIssues(validateSchema.errors ?? [], tree);
}
