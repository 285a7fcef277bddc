import { HEAD_FIELD_BYTES } from '../../limits.ts';
import { agrees, readAuthority, writeAuthority } from '../authority.ts';
import type { Fields } from '../fields.ts';
import type { GuestRequest } from '../guest-request.ts';
import type { RequestContext } from '../request-context.ts';

/** The head of a request, read once: it is judged, shown to hooks, sent and reported in this form. */
export interface AskedRequest {
  readonly method: string;
  /** As written: origin form, absolute form or `*`. */
  readonly target: string;
  /** Origin form of the target; null when it names another place or has no such form. */
  readonly path: string | null;
  /** The absolute form of `path`; the origin alone where that is null. */
  readonly url: string;
  /** Every authority the request names: Host fields and `:authority`. */
  readonly authorities: readonly string[];
  readonly fields: Fields;
  /** As HAR has it: `HTTP/1.1`, `HTTP/2.0`. */
  readonly httpVersion: string;
}

/** Reads a request of the guest; all of it stays untrusted. */
export function readRequest(guest: GuestRequest, context: RequestContext): AskedRequest {
  const { method, target, authorities, fields, httpVersion } = guest;
  const path = readTarget(target, context);
  const url = `${context.scheme}://${writeAuthority(context)}${path ?? '/'}`;
  return Object.freeze({ method, target, path, url, authorities, fields, httpVersion });
}

/** True for an authority that is the connection's. */
export function isOurs(text: string, context: RequestContext): boolean {
  const authority = readAuthority(text);
  return authority !== null && agrees(authority, context);
}

function readTarget(target: string, context: RequestContext): string | null {
  if (target.startsWith('/')) return target;
  const match = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(target);
  if (match === null) return null;
  const [, scheme = '', authority = '', rest = ''] = match;
  if (scheme.toLowerCase() !== context.scheme || !isOurs(authority, context)) return null;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Returns the bytes that the head of a request takes in memory. */
export function headBytes({ target, fields }: AskedRequest): number {
  let bytes = target.length + (fields.length / 2) * HEAD_FIELD_BYTES;
  for (const text of fields) bytes += text.length;
  return bytes;
}
