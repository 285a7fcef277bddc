import type { HeaderList, ResponseEvent } from './network-event.ts';

/** `name: value` and the line end, one byte a character. */
function fieldBytes(headers: HeaderList): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
}

/** Path and query of an absolute URL, as they stand in it. */
function targetOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*(.*)$/is.exec(url)?.[1] || '/';
}

/** Bytes of a request's head as HTTP/1.1 writes it: what a guest can tell a server without a body. */
export function requestHeadBytes({ method, url, requestHeaders }: ResponseEvent): number {
  const line = `${method} ${targetOf(url)} HTTP/1.1\r\n`;
  return line.length + fieldBytes(requestHeaders) + 2;
}

/** Bytes of an answer's head as HTTP/1.1 writes it; 0 when none came. */
export function responseHeadBytes({ statusCode, statusText, responseHeaders }: ResponseEvent) {
  if (statusCode === 0) return 0;
  return `HTTP/1.1 ${statusCode} ${statusText}\r\n`.length + fieldBytes(responseHeaders) + 2;
}
