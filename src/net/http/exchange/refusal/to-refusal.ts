import type { Refusal } from '../../../refusal/refusal.ts';
import { LeakError } from '../../../secret/leak/leak-error.ts';
import { AddressRefused } from '../../../tcp/dial.ts';
import type { Target } from '../../request-context.ts';
import { upstreamError } from '../../upstream/upstream-error.ts';
import { RequestRefused } from './request-refused.ts';

/** Turns what ended a request into the refusal that the guest gets if its response has not begun. */
export function toRefusal(error: Error, to: Target): Refusal {
  if (error instanceof RequestRefused || error instanceof AddressRefused) return error.refusal;
  if (error instanceof LeakError) return error.leak;
  const known = upstreamError(error, `${to.name}:${to.port}`);
  const system = known.details?.['code'];
  const message = typeof system === 'string' ? `${known.message} (${system})` : known.message;
  return { kind: 'failed', code: known.code, message };
}
