import { GondolinError } from '../errors/gondolin-error.ts';

/** Facts about a broken rule that are safe to print. Never guest bytes. */
export interface BrokenRule {
  /** Message or frame that broke it, e.g. `DATA` or `frame`. */
  readonly subject: string;
  /** The limit, for a rule with one. */
  readonly limit?: number;
  /** The number received. */
  readonly got?: number;
}

/**
 * Returns the error for a guest that broke a rule of docs/protocol.md. The caller must also reset that guest's channel.
 *
 * @param rule  The requirement, as a phrase: `DATA within the stream's credit`.
 */
export function guestProtocolError(
  rule: string,
  { subject, limit, got }: BrokenRule,
): GondolinError {
  const wanted = limit === undefined ? '' : ` (limit ${limit})`;
  const found = got === undefined ? '' : `, got ${got}`;
  const message = `guest broke the protocol in ${subject}: want ${rule}${wanted}${found}`;
  return new GondolinError('GUEST_PROTOCOL', message, {
    details: { rule, subject, limit: limit ?? null, got: got ?? null },
  });
}
