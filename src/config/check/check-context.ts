import type { FileAccess } from '../file-access.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import type { HostEnv } from '../yaml/interpolate.ts';
import { placeOf, type ScalarNode, type SourceNode, type Span } from '../yaml/source-node.ts';

/** What the checks of one project share. */
export interface CheckContext {
  readonly access: FileAccess;
  readonly env: HostEnv;
  /** Variables of the host whose values are never printed: those of the sandbox's `secrets:`, and inherited ones. */
  readonly maskedVariables?: ReadonlySet<string>;
  readonly issues: Issue[];
}

/** Adds an issue at a piece of a file. */
export function report(
  context: CheckContext,
  where: { readonly span: Span },
  code: IssueCode,
  message: string,
  hint: string = ISSUE_HINTS[code],
): void {
  context.issues.push({ code, message, hint, at: placeOf(where.span) });
}

/**
 * A scalar as the file has it. What variables put in may be a credential: issues show the reference, not the value.
 * (Paths are the exception: which file was looked for is what the person needs to know.)
 */
export function shownText(node: SourceNode | undefined): string {
  return node?.kind === 'scalar' ? (node.template ?? node.text) : '';
}

/** Text of a scalar, or `fallback` for anything else: the schema has reported it. */
export function textOf(node: SourceNode | undefined, fallback: string): string {
  return node?.kind === 'scalar' ? node.text : fallback;
}

export function numberOf(node: SourceNode | undefined, fallback: number): number {
  return node?.kind === 'scalar' && typeof node.value === 'number' ? node.value : fallback;
}

export function flagOf(node: SourceNode | undefined, fallback: boolean): boolean {
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : fallback;
}

export function isScalar(node: SourceNode | undefined): node is ScalarNode {
  return node?.kind === 'scalar';
}
