import { isIPv6, type Socket } from 'node:net';
import { FirstReader } from './first-reader.ts';
import { proxyError } from './proxy-error.ts';
import type { Credentials, UpstreamProxy } from './upstream-proxy.ts';

/** The head of a response to CONNECT: a proxy's page may follow, which nobody reads. */
const MAX_HEAD_BYTES = 16 * 1024;

/** The value of `Proxy-Authorization`. */
export function basicAuthorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * Asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6). The socket carries the server's bytes afterwards.
 *
 * @param host  Name or address, as policy let it through.
 * @throws {GondolinError} NET_PROXY_FAILED.
 */
export async function httpConnect(
  socket: Socket,
  proxy: UpstreamProxy,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (proxy.credentials !== null) {
    lines.push(`Proxy-Authorization: ${basicAuthorization(proxy.credentials)}`);
  }
  const reader = new FirstReader(socket);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  const status = await readStatus(reader, proxy);
  if (status >= 200 && status < 300) {
    reader.release();
    return;
  }
  // Some answer 401 to credentials that are wrong.
  if (status === 407 || status === 401) throw credentialsRefused(proxy, `status ${status}`);
  throw proxyError(proxy, 'refused', `it refused a connection to ${authority} (status ${status})`);
}

/** Reads heads until a final one. @returns 200..599 */
async function readStatus(reader: FirstReader, proxy: UpstreamProxy): Promise<number> {
  try {
    for (let heads = 0; heads < 8; heads++) {
      const status = await reader.read(MAX_HEAD_BYTES, takeHead);
      if (status >= 200) return status;
    }
    throw new Error('it sends informational responses without end');
  } catch (error) {
    throw proxyError(proxy, 'protocol', 'no valid response to CONNECT', error);
  }
}

function takeHead(bytes: Buffer): { result: number; usedBytes: number } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const status = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: |\r|$)/.exec(
    bytes.toString('latin1', 0, 64),
  )?.[1];
  if (status === undefined) throw new Error('it does not speak HTTP');
  return { result: Number(status), usedBytes: end + 4 };
}

/** The error of credentials that are wrong, or absent. */
export function credentialsRefused(proxy: UpstreamProxy, how: string) {
  const which = proxy.credentials === null ? 'it wants credentials' : 'it refused the credentials';
  return proxyError(proxy, 'credentials', `${which} (${how})`);
}
