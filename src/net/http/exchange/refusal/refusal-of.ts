import { GondolinError } from '../../../../errors/gondolin-error.ts';
import type { SecretStore } from '../../../secret/secret-store.ts';
import { AddressRefused } from '../../../tcp/dial.ts';
import type { RequestContext } from '../../request-context.ts';
import { upstreamError } from '../../upstream/upstream-error.ts';
import { leakAdvice } from '../secrets/request-secrets.ts';
import type { Refusal } from './refusal.ts';

/** How the guest is told of an error before its answer has begun. */
export function refusalOf(
  error: Error,
  context: RequestContext,
  secrets: SecretStore | null,
): Refusal {
  const base = { host: context.name, port: context.port, rule: '', suggestion: '' };
  if (error instanceof AddressRefused) {
    const { reason, rule, suggestion } = error.verdict;
    const message = 'blocked this request: its address is not public';
    return { ...base, status: 403, reason, message, rule, suggestion };
  }
  if (GondolinError.is(error) && error.code === 'NET_SECRET_LEAK') {
    return {
      ...base,
      status: 403,
      reason: 'secret_leak',
      message: `blocked this request: ${error.message}; ${leakAdvice(error, context, secrets)}`,
    };
  }
  if (GondolinError.is(error) && error.code === 'NET_SECRET_LIMIT') {
    return { ...base, status: 431, reason: error.code, message: error.message };
  }
  if (GondolinError.is(error) && error.code === 'NET_BODY_LIMIT') {
    return { ...base, status: 413, reason: error.code, message: error.message };
  }
  const known = upstreamError(error, `${context.name}:${context.port}`);
  const isLate = known.code === 'NET_UPSTREAM_TIMEOUT' || known.code === 'NET_DIAL_TIMEOUT';
  const code = known.details?.['code'];
  const message = typeof code === 'string' ? `${known.message} (${code})` : known.message;
  return { ...base, status: isLate ? 504 : 502, reason: known.code, message };
}
