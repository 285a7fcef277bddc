import { type ClientHello, readClientHello } from './client-hello.ts';

/** The protocol that a guest connection starts with. `more`: too few bytes to decide. */
export type FirstBytes =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'http1' }
  | { readonly kind: 'http2' }
  | { readonly kind: 'other' }
  | { readonly kind: 'more' };

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const MAX_METHOD_BYTES = 32;
/** A longer line counts as HTTP: in doubt the connection is inspected. */
const MAX_LINE_BYTES = 16 * 1024;
const MORE = { kind: 'more' } as const;
const OTHER = { kind: 'other' } as const;

/**
 * Distinguishes TLS, HTTP/1 and HTTP/2 with prior knowledge from anything else. Pure.
 *
 * @param bytes  Untrusted: all bytes of the connection so far, not empty.
 * @param isRawPossible  The connection may be other than HTTP: only a complete request line counts as HTTP/1. Otherwise
 *   the start of one is enough, and an invalid rest gets a 400.
 */
export function classifyFirstBytes(bytes: Buffer, isRawPossible: boolean): FirstBytes {
  if (bytes[0] === 0x16) {
    const hello = readClientHello(bytes);
    if (hello === 'more') return MORE;
    return hello === 'invalid' ? OTHER : { kind: 'tls', hello };
  }
  const preface = PREFACE.subarray(0, bytes.length);
  if (preface.equals(bytes.subarray(0, PREFACE.length))) {
    return bytes.length >= PREFACE.length ? { kind: 'http2' } : MORE;
  }
  const start = classifyMethod(bytes.toString('latin1', 0, MAX_METHOD_BYTES + 6));
  return start.kind === 'http1' && isRawPossible ? classifyWholeLine(bytes) : start;
}

/** A method is a token (RFC 9110 §9.1) before one space; all methods in use consist of upper-case letters, `-` and `_`. */
function classifyMethod(text: string): FirstBytes {
  const line = withoutEmptyLines(text);
  if (/^[A-Z][A-Z_-]* [^\r\n ]/.test(line)) return { kind: 'http1' };
  const isStart = /^(?:[A-Z][A-Z_-]*)? ?$/.test(line) || line === '\r';
  return isStart && line.length <= MAX_METHOD_BYTES ? MORE : OTHER;
}

/** Other protocols begin alike (`AUTH x`, `HELO x`), but their first line does not end in an HTTP version. */
function classifyWholeLine(bytes: Buffer): FirstBytes {
  const text = withoutEmptyLines(bytes.toString('latin1', 0, MAX_LINE_BYTES));
  const end = text.indexOf('\n');
  if (end >= 0) return / HTTP\/1\.\d\r?$/.test(text.slice(0, end)) ? { kind: 'http1' } : OTHER;
  return bytes.length < MAX_LINE_BYTES ? MORE : { kind: 'http1' };
}

/** RFC 9112 §2.2: empty lines before the request line are to be skipped. */
function withoutEmptyLines(text: string): string {
  return text.replace(/^(?:\r?\n){0,2}/, '');
}
