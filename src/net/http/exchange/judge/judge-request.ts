import { isIP } from 'node:net';
import { openRefusal } from '../../../policy/open-refusal.ts';
import type { Blocked, BlockReason, Check } from '../../../refusal/refusal.ts';
import { writeAuthority } from '../../authority.ts';
import { fieldValue } from '../../fields.ts';
import type { RequestContext } from '../../request-context.ts';
import { type AskedRequest, isOurs } from '../asked-request.ts';
import type { HttpServices } from '../http-services.ts';
import type { OutgoingRequest } from '../outgoing-request.ts';
import { requestReadings } from './request-readings.ts';

/** The request in the form the server gets it in, or why it does not. */
export type Judged =
  | { readonly isAllowed: true; readonly path: string }
  | { readonly isAllowed: false; readonly refusal: Blocked };

/**
 * Judges a request before any of it leaves the host: its form, that each name it carries is the
 * connection's, and policy. Runs on every request of a connection.
 */
export function judgeRequest(
  request: AskedRequest,
  context: RequestContext,
  services: Pick<HttpServices, 'policy'>,
): Judged {
  if (context.wasRefused) {
    // Unless the policy was updated meanwhile.
    const transport = context.scheme;
    const refusal = openRefusal(services.policy, { ...context, transport, address: null });
    if (refusal !== null) return { isAllowed: false, refusal };
  }
  const odd = oddForm(request);
  if (odd !== null) return refuse('protocol', odd);
  const target = request.path;
  const isForUs = (text: string): boolean => text === context.authority || isOurs(text, context);
  if (target === null || !request.authorities.every(isForUs)) {
    return refuse('name_mismatch', 'authority');
  }
  const readings = requestReadings({ method: request.method, path: target }, request.fields);
  if (readings === null) return refuse('protocol', 'overrides');
  for (const reading of readings) {
    const { name, port, scheme, isGranted = false } = context;
    const question = { name, port, scheme, isGranted, ...reading };
    const verdict = services.policy.decideRequest(question);
    if (!verdict.isAllowed) return { isAllowed: false, refusal: verdict };
  }
  return { isAllowed: true, path: target };
}

/** A refusal by a check that no policy can turn off. */
function refuse(reason: BlockReason, check: Check): Extract<Judged, { isAllowed: false }> {
  const decidedBy = [{ by: 'check', check }] as const;
  return { isAllowed: false, refusal: { kind: 'blocked', reason, decidedBy, suggest: null } };
}

function oddForm(request: AskedRequest): Check | null {
  if (request.method === 'CONNECT' || request.method === 'TRACE') {
    return 'method';
  }
  // RFC 9112 §3.2: a target has no fragment. What follows one must not be seen by one side only.
  if (request.target === '*' || request.target.includes('#')) {
    return 'target';
  }
  if (request.authorities.length > 1 && request.httpVersion !== 'HTTP/2.0') {
    return 'several_hosts';
  }
  if (request.authorities.length === 0 && request.httpVersion !== 'HTTP/1.0') {
    return 'missing_host';
  }
  // HTTP/1.0 has no chunks (RFC 9112 §6.1): a server that takes them sees another request than one that does not.
  if (
    request.httpVersion === 'HTTP/1.0' &&
    fieldValue(request.fields, 'transfer-encoding') !== null
  ) {
    return 'http10_transfer_encoding';
  }
  return null;
}

/** The verdict on a rewritten request, with the place it goes to or was refused for. */
export type Rewritten =
  | { readonly isAllowed: true; readonly context: RequestContext }
  | { readonly isAllowed: false; readonly refusal: Blocked; readonly context: RequestContext };

/** Judges a request that a hook rewrote: it may go elsewhere, but only where the policy would let the guest go. */
export function judgeRewritten(
  url: URL,
  before: OutgoingRequest,
  after: OutgoingRequest,
  context: RequestContext,
  policy: HttpServices['policy'],
): Rewritten {
  const moved = contextFrom(url, context);
  if (moved === null) {
    return { ...refuse('hook', 'hook_url'), context };
  }
  const isSame = moved.authority === context.authority && moved.scheme === context.scheme;
  if (isSame && before.path === after.path && before.method === after.method) {
    return { isAllowed: true, context };
  }
  const { name, port, scheme } = moved;
  const verdict = policy.decideRequest({
    name,
    port,
    scheme,
    method: after.method,
    path: after.path,
    isGranted: isSame && context.isGranted === true,
  });
  if (verdict.isAllowed) return { isAllowed: true, context: moved };
  return { isAllowed: false, refusal: verdict, context: moved };
}

function contextFrom(url: URL, context: RequestContext): RequestContext | null {
  const scheme = url.protocol === 'https:' ? 'https' : url.protocol === 'http:' ? 'http' : null;
  if (scheme === null) return null;
  const name = url.hostname.replace(/^\[|\]$|\.$/g, '');
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  const moved = { ...context, name, isLiteral: isIP(name) !== 0, port, scheme } as const;
  return { ...moved, authority: writeAuthority(moved) };
}
