import type { Socket } from 'node:net';
import { parseAddress } from '../../address/ip-address.ts';
import { FirstReader } from './first-reader.ts';
import { credentialsRefused } from './http-connect.ts';
import { proxyError } from './proxy-error.ts';
import type { Credentials, UpstreamProxy } from './upstream-proxy.ts';

const VERSION = 5;
const METHOD = { none: 0, password: 2, refused: 0xff } as const;
const COMMAND_CONNECT = 1;
const KIND = { ipv4: 1, name: 3, ipv6: 4 } as const;
/** Longest reply: a bound name of 255 bytes. */
const MAX_REPLY_BYTES = 4 + 1 + 255 + 2;

/** Replies that tell about the server, as the errno that a direct connection would have (RFC 1928 §6). */
const SERVER_ERRNO: Readonly<Record<number, string>> = {
  3: 'ENETUNREACH',
  4: 'EHOSTUNREACH',
  5: 'ECONNREFUSED',
};

/**
 * Asks a SOCKS5 proxy for a connection (RFC 1928, RFC 1929). The socket carries the server's bytes afterwards.
 *
 * @param host  Name or address, as policy let it through.
 * @throws {GondolinError} NET_PROXY_FAILED; its cause has the errno when the proxy says that the server cannot be reached.
 */
export async function socks5Connect(
  socket: Socket,
  proxy: UpstreamProxy,
  to: { readonly host: string; readonly port: number },
): Promise<void> {
  const reader = new FirstReader(socket);
  const { credentials } = proxy;
  const wanted = credentials === null ? METHOD.none : METHOD.password;
  let code: number;
  try {
    socket.write(Buffer.from([VERSION, 1, wanted]));
    const method = await reader.read(2, (bytes) => takePair(bytes, VERSION));
    if (method !== wanted) throw new MethodRefused();
    if (credentials !== null) {
      socket.write(passwordMessage(credentials));
      // The negotiation has a version of its own.
      const verdict = await reader.read(2, (bytes) => takePair(bytes, 1));
      if (verdict !== 0) throw new MethodRefused();
    }
    socket.write(connectMessage(to));
    code = await reader.read(MAX_REPLY_BYTES, takeReply);
  } catch (error) {
    if (error instanceof MethodRefused) throw credentialsRefused(proxy, 'SOCKS5');
    throw proxyError(proxy, 'protocol', 'no valid SOCKS5 reply', error);
  }
  if (code === 0) {
    reader.release();
    return;
  }
  const errno = SERVER_ERRNO[code];
  const cause = errno === undefined ? undefined : Object.assign(new Error(errno), { code: errno });
  const why = `it refused a connection to ${to.host}:${to.port} (reply ${code})`;
  throw proxyError(proxy, 'refused', why, cause);
}

class MethodRefused extends Error {}

/** A version and a byte of result. */
function takePair(bytes: Buffer, version: number): { result: number; usedBytes: number } | null {
  if (bytes.length > 0 && bytes[0] !== version) throw new Error('it does not speak SOCKS5');
  return bytes.length < 2 ? null : { result: bytes[1] ?? METHOD.refused, usedBytes: 2 };
}

function takeReply(bytes: Buffer): { result: number; usedBytes: number } | null {
  if (bytes.length > 0 && bytes[0] !== VERSION) throw new Error('it does not speak SOCKS5');
  const [, code, , kind, first] = bytes;
  if (code === undefined || kind === undefined || first === undefined) return null;
  const addressLength = boundLength(kind, first);
  if (addressLength === null) throw new Error('an address of an unknown kind');
  const usedBytes = 4 + addressLength + 2;
  return bytes.length < usedBytes ? null : { result: code, usedBytes };
}

function boundLength(kind: number, first: number): number | null {
  if (kind === KIND.ipv4) return 4;
  if (kind === KIND.ipv6) return 16;
  return kind === KIND.name ? 1 + first : null;
}

function passwordMessage({ user, password }: Credentials): Buffer {
  const [name, word] = [Buffer.from(user), Buffer.from(password)];
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([word.length]), word]);
}

function connectMessage({ host, port }: { readonly host: string; readonly port: number }): Buffer {
  const at = Buffer.alloc(2);
  at.writeUInt16BE(port);
  return Buffer.concat([Buffer.from([VERSION, COMMAND_CONNECT, 0]), hostBytes(host), at]);
}

function hostBytes(host: string): Buffer {
  const address = parseAddress(host);
  if (address !== null) {
    const isIpv4 = address.family === 4;
    const digits = address.value.toString(16).padStart(isIpv4 ? 8 : 32, '0');
    const kind = Buffer.from([isIpv4 ? KIND.ipv4 : KIND.ipv6]);
    return Buffer.concat([kind, Buffer.from(digits, 'hex')]);
  }
  // A host name has at most 253 characters.
  const name = Buffer.from(host, 'latin1');
  return Buffer.concat([Buffer.from([KIND.name, name.length]), name]);
}
