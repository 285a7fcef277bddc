import { isIP } from 'node:net';
import { writeAuthority } from '../../authority.ts';
import { fieldValue } from '../../fields.ts';
import type { HttpServices, RequestContext } from '../../request-context.ts';
import type { Refusal } from '../refusal/refusal.ts';
import type { OutgoingRequest } from '../secrets/request-secrets.ts';
import { type AskedRequest, isOurs } from './asked-request.ts';
import { requestReadings } from './request-readings.ts';

/** The request in the form the server gets it in, or why it does not. */
export type Judged =
  | { readonly isAllowed: true; readonly path: string }
  | { readonly isAllowed: false; readonly refusal: Refusal };

/**
 * Everything that is asked of a request before anything leaves the host: its form, that each name it carries is the
 * connection's, and policy. Runs on every request of a connection.
 */
export function judgeRequest(
  request: AskedRequest,
  context: RequestContext,
  services: HttpServices,
): Judged {
  if (context.refusal !== null)
    return refuse(context, { status: 403, ...blocked(context.refusal), ...context.refusal });
  const odd = oddForm(request);
  if (odd !== null) return refuse(context, odd);
  const target = request.path;
  const isForUs = (text: string): boolean => text === context.authority || isOurs(text, context);
  if (target === null || !request.authorities.every(isForUs)) {
    return refuse(context, {
      status: 421,
      reason: 'name_mismatch',
      message: 'the request names another host or port than its connection',
    });
  }
  const readings = requestReadings({ method: request.method, path: target }, request.fields);
  if (readings === null) {
    const message = 'the request has more than four fields that override its method or path';
    return refuse(context, { status: 400, reason: 'protocol', message });
  }
  for (const reading of readings) {
    const { name, port, scheme } = context;
    const verdict = services.policy.decideRequest({ name, port, scheme, ...reading });
    if (!verdict.isAllowed)
      return refuse(context, { status: 403, ...blocked(verdict), ...verdict });
  }
  return { isAllowed: true, path: target };
}

type RefusalPart = Pick<Refusal, 'status' | 'reason' | 'message'> & Partial<Refusal>;

function refuse(context: RequestContext, part: RefusalPart): Extract<Judged, { isAllowed: false }> {
  const { status, reason, message, rule = '', suggestion = '' } = part;
  const refusal = {
    status,
    reason,
    message,
    rule,
    suggestion,
    host: context.name,
    port: context.port,
  };
  return { isAllowed: false, refusal };
}

function blocked(verdict: { readonly reason: string }): { readonly message: string } {
  const why =
    verdict.reason === 'private_address'
      ? 'its address is not public'
      : 'the policy does not allow it';
  return { message: `blocked this request: ${why}` };
}

function oddForm(request: AskedRequest): RefusalPart | null {
  if (request.method === 'CONNECT' || request.method === 'TRACE') {
    return { status: 405, reason: 'protocol', message: `${request.method} is not supported` };
  }
  // RFC 9112 §3.2: a target has no fragment. What stands behind one must not be seen by one side only.
  if (request.target === '*' || request.target.includes('#')) {
    return { status: 400, reason: 'protocol', message: 'the request target is not a path' };
  }
  if (request.authorities.length > 1 && request.httpVersion !== 'HTTP/2.0') {
    return { status: 400, reason: 'protocol', message: 'the request has more than one Host' };
  }
  if (request.authorities.length === 0 && request.httpVersion !== 'HTTP/1.0') {
    return { status: 400, reason: 'protocol', message: 'the request has no Host' };
  }
  // HTTP/1.0 has no chunks (RFC 9112 §6.1): whoever takes them and who doesn't, see two different requests.
  if (
    request.httpVersion === 'HTTP/1.0' &&
    fieldValue(request.fields, 'transfer-encoding') !== null
  ) {
    return { status: 400, reason: 'protocol', message: 'HTTP/1.0 has no Transfer-Encoding' };
  }
  return null;
}

/** Judges again what a hook made of a request: it may lead elsewhere, but only where policy would let the guest go. */
export function judgeRewritten(
  url: URL,
  before: OutgoingRequest,
  after: OutgoingRequest,
  context: RequestContext,
  policy: HttpServices['policy'],
):
  | { readonly isAllowed: true; readonly context: RequestContext }
  | Extract<Judged, { isAllowed: false }> {
  const moved = contextFrom(url, context);
  if (moved === null) {
    return refuse(context, {
      status: 502,
      reason: 'hook',
      message: 'a hook gave a URL that is not http or https',
    });
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
  });
  if (verdict.isAllowed) return { isAllowed: true, context: moved };
  return refuse(moved, { status: 403, ...blocked(verdict), ...verdict });
}

function contextFrom(url: URL, context: RequestContext): RequestContext | null {
  const scheme = url.protocol === 'https:' ? 'https' : url.protocol === 'http:' ? 'http' : null;
  if (scheme === null) return null;
  const name = url.hostname.replace(/^\[|\]$|\.$/g, '');
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  const moved = { ...context, name, isLiteral: isIP(name) !== 0, port, scheme } as const;
  return { ...moved, authority: writeAuthority(moved) };
}
