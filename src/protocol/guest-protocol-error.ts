import { GondolinError } from '../errors/gondolin-error.ts';

/** The numbers of a broken rule, safe to print. Never guest bytes. */
export interface BrokenRule {
  /** Which message or frame broke it, e.g. `DATA` or `frame`. */
  readonly subject: string;
  /** The limit of the rule, if it is one. */
  readonly limit?: number;
  /** The number that came. */
  readonly got?: number;
}

/**
 * The error for a guest that broke a rule of docs/protocol.md. Whoever raises it also resets that guest's channel.
 *
 * @param rule  What is required, as a phrase: `DATA within the stream's credit`.
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
