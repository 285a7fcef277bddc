import type { FileAccess } from '../file-access.ts';
import { ISSUE_HINTS, type Issue, type IssueCode } from '../issue.ts';
import type { HostEnv } from '../yaml/interpolate.ts';
import {
  getChild,
  type ScalarNode,
  type SourceNode,
  type Span,
  startPlace,
} from '../yaml/source-node.ts';

/** State that the checks of one project share. */
export interface CheckContext {
  readonly access: FileAccess;
  readonly env: HostEnv;
  /** Variables of the host whose values are never printed: those of the sandbox's `secrets:`, and inherited ones. */
  readonly maskedVariables?: ReadonlySet<string>;
  readonly issues: Issue[];
}

/** Adds an issue at a span of a file. */
export function report(
  context: Pick<CheckContext, 'issues'>,
  where: { readonly span: Span },
  code: IssueCode,
  message: string,
  hint: string = ISSUE_HINTS[code],
): void {
  context.issues.push({ code, message, hint, at: startPlace(where.span) });
}

/**
 * Returns a scalar as the file spells it. The value of a variable may be a credential, so issues show the reference.
 * (Paths are the exception: the user needs to know which file was looked for.)
 */
export function shownText(node: SourceNode | undefined): string {
  return node?.kind === 'scalar' ? (node.template ?? node.text) : '';
}

/** Returns the text of a scalar, or `fallback` for any other node, which the schema has reported. */
export function textOr(node: SourceNode | undefined, fallback: string): string {
  return node?.kind === 'scalar' ? node.text : fallback;
}

export function numberOr(node: SourceNode | undefined, fallback: number): number {
  return node?.kind === 'scalar' && typeof node.value === 'number' ? node.value : fallback;
}

export function flagOr(node: SourceNode | undefined, fallback: boolean): boolean {
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : fallback;
}

type PlainField<T> = { [K in keyof T]: T[K] extends boolean | number ? K : never }[keyof T];

/**
 * Reads every flag and number of a map: `continueOnError` of `defaults` is the key `continue_on_error`. A key that is left out
 * has its default, so that a new flag or number needs no reader of its own.
 */
export function readPlainKeys<T extends object>(
  node: SourceNode | undefined,
  defaults: T,
): Pick<T, PlainField<T>> {
  const plain: Record<string, boolean | number> = {};
  for (const [field, fallback] of Object.entries(defaults)) {
    const child = getChild(node, snakeCase(field));
    if (typeof fallback === 'boolean') plain[field] = flagOr(child, fallback);
    if (typeof fallback === 'number') plain[field] = numberOr(child, fallback);
  }
  return plain as Pick<T, PlainField<T>>;
}

/** The key of the project file for a field: `allowHttp` is `allow_http`. */
function snakeCase(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function isScalar(node: SourceNode | undefined): node is ScalarNode {
  return node?.kind === 'scalar';
}
