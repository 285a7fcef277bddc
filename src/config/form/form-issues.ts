import type { ValidateFunction } from 'ajv';
import { ISSUE_HINTS, type Issue } from '../issue.ts';
import { type SourceNode, startPlace, toPlain } from '../yaml/source-node.ts';
import { validateSchema } from './compiled-schema.ts';
import { schemaIssues } from './schema-issues.ts';

/** Reports each value that contains a NUL character (`"\0"`): no path, argument or variable can. */
function nulIssues(node: SourceNode): Issue[] {
  if (node.kind === 'list') return node.items.flatMap(nulIssues);
  if (node.kind === 'map') {
    return [...node.entries.values()].flatMap(({ value }) => nulIssues(value));
  }
  if (!node.text.includes('\0')) return [];
  const message = 'got a NUL character, which no path, argument or variable can contain';
  return [{ code: 'bad_value', message, hint: ISSUE_HINTS.bad_value, at: startPlace(node.span) }];
}

/** Returns `issues` without those at the place of one of `formIssues`: they repeat it in other words. */
export function withoutEchoes(issues: readonly Issue[], formIssues: readonly Issue[]): Issue[] {
  const placeKey = ({ at }: Issue) => `${at.line}:${at.col}:${at.file}`;
  const places = new Set(formIssues.map(placeKey));
  return issues.filter((issue) => !places.has(placeKey(issue)));
}

/**
 * Checks the form of a tree against a schema. Returns every mistake; none when the form is right.
 * @param validate  The compiled schema. @default that of schema/gondolin.schema.json
 */
export function findFormIssues(
  tree: SourceNode,
  validate: ValidateFunction = validateSchema,
): Issue[] {
  const isValid = validate(toPlain(tree));
  const issues = isValid ? [] : schemaIssues(validate.errors ?? [], tree);
  return [...issues, ...withoutEchoes(nulIssues(tree), issues)];
}
