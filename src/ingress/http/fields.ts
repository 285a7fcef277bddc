import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { IngressHeaderPatch, IngressHeaders, IngressHooks } from '../ingress-hooks.ts';
import { hookFailed } from './call-hook.ts';

/** Fields about one connection, which a gateway never passes on (RFC 9110 §7.6.1). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Returns the members of a field that is a list, in lower case. */
export function listMembers(values: readonly string[] | undefined): string[] {
  return (values ?? []).flatMap((value) =>
    value.split(',').map((member) => member.trim().toLowerCase()),
  );
}

/** Returns the fields of a message that are for its receiver, without those about the connection. */
export function endToEndFields(message: IncomingMessage): IngressHeaders {
  const named = new Set(listMembers(message.headersDistinct['connection']));
  const fields: IngressHeaders = {};
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    if (CONNECTION_FIELDS.has(name) || named.has(name)) continue;
    const [first = ''] = values;
    fields[name] = values.length === 1 ? first : [...values];
  }
  return fields;
}

/** Returns all fields of a message, for hooks. */
export function allFields(message: IncomingMessage): IngressHeaders {
  const fields: IngressHeaders = {};
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    const [first = ''] = values;
    fields[name] = values.length === 1 ? first : [...values];
  }
  return fields;
}

/**
 * Applies the changes of a hook. Fields about the connection and the length of the body are the gateway's own, and stay as they are.
 * @throws {GondolinError} INGRESS_HOOK_FAILED for a name or value that HTTP does not allow.
 */
export function patchFields(
  hook: keyof IngressHooks,
  fields: IngressHeaders,
  patch: IngressHeaderPatch = {},
): void {
  for (const [rawName, value] of Object.entries(patch)) {
    const name = rawName.toLowerCase();
    if (value === undefined || CONNECTION_FIELDS.has(name) || name === 'content-length') continue;
    if (value === null) {
      delete fields[name];
      continue;
    }
    const values = typeof value === 'string' ? [value] : value;
    try {
      validateHeaderName(name);
      for (const one of values) validateHeaderValue(name, one);
    } catch (error) {
      throw hookFailed(hook, 'returned an invalid header field', error);
    }
    fields[name] = typeof value === 'string' ? value : [...value];
  }
}

/** Returns trailers as pairs, without those that would change how the message is framed. */
export function trailerPairs(message: IncomingMessage): [string, string][] {
  const { rawTrailers } = message;
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < rawTrailers.length; index += 2) {
    const name = rawTrailers[index] ?? '';
    const lower = name.toLowerCase();
    if (CONNECTION_FIELDS.has(lower) || lower === 'content-length' || lower === 'host') continue;
    pairs.push([name, rawTrailers[index + 1] ?? '']);
  }
  return pairs;
}
