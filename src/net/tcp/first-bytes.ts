import { type ClientHello, readClientHello } from './client-hello.ts';

/** What a guest connection starts with. `more`: too few bytes to tell. */
export type FirstBytes =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'http1' }
  | { readonly kind: 'http2' }
  | { readonly kind: 'other' }
  | { readonly kind: 'more' };

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const MAX_METHOD_BYTES = 32;
const MORE = { kind: 'more' } as const;
const OTHER = { kind: 'other' } as const;

/**
 * Tells TLS, HTTP/1 and HTTP/2 with prior knowledge from anything else. Pure.
 *
 * @param bytes  Untrusted: all bytes of the connection so far, not empty.
 */
export function classifyFirstBytes(bytes: Buffer): FirstBytes {
  if (bytes[0] === 0x16) {
    const hello = readClientHello(bytes);
    if (hello === 'more') return MORE;
    return hello === 'invalid' ? OTHER : { kind: 'tls', hello };
  }
  const start = PREFACE.subarray(0, bytes.length);
  if (start.equals(bytes.subarray(0, PREFACE.length))) {
    return bytes.length >= PREFACE.length ? { kind: 'http2' } : MORE;
  }
  return classifyRequestLine(bytes.toString('latin1', 0, MAX_METHOD_BYTES + 2));
}

/** A method is a token (RFC 9110 §9.1) before one space; every method in use is of upper-case letters, `-` and `_`. */
function classifyRequestLine(text: string): FirstBytes {
  // RFC 9112 §2.2: empty lines before the request line are to be skipped.
  const line = text.replace(/^(?:\r?\n){0,2}/, '');
  if (/^[A-Z][A-Z_-]* [^\r\n ]/.test(line)) return { kind: 'http1' };
  const isStart = /^(?:[A-Z][A-Z_-]*)? ?$/.test(line) || line === '\r';
  return isStart && line.length <= MAX_METHOD_BYTES ? MORE : OTHER;
}
