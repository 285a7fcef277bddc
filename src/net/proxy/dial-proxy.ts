import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { DIAL_MS } from '../limits.ts';
import { httpConnect } from './http-connect.ts';
import { proxyError } from './proxy-error.ts';
import { socks5Connect } from './socks5-connect.ts';
import type { UpstreamProxy } from './upstream-proxy.ts';

export interface DialProxyOptions {
  /** Further roots for TLS to the proxy, PEM. */
  readonly roots: readonly string[];
  readonly allowHalfOpen: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Receives each socket at once: the caller destroys it when the network closes. */
  readonly onSocket: (socket: Socket) => void;
}

/**
 * Connects to a server through a proxy.
 *
 * @param to  Its name or address; null to connect to the proxy itself.
 * @throws {GondolinError} NET_PROXY_FAILED, or NET_CLOSED when the guest or the network is gone.
 */
export async function dialProxy(
  proxy: UpstreamProxy,
  to: { readonly host: string; readonly port: number } | null,
  options: DialProxyOptions,
): Promise<Socket> {
  const socket = openSocket(proxy, options);
  // Users of the socket listen to 'close'; an error before that must never be uncaught.
  socket.on('error', () => undefined);
  options.onSocket(socket);
  const { signal } = options;
  const ends: GondolinError[] = [];
  const end = (error: GondolinError): void => {
    ends.push(error);
    socket.destroy();
  };
  const onAbort = (): void =>
    end(new GondolinError('NET_CLOSED', 'the guest closed the connection'));
  const timer = setTimeout(() => {
    end(proxyError(proxy, 'timeout', 'it did not respond in time'));
  }, DIAL_MS);
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();
  try {
    await connected(socket, proxy);
    if (to !== null && proxy.kind === 'socks5') await socks5Connect(socket, proxy, to);
    else if (to !== null) await httpConnect(socket, proxy, to);
    if (socket.destroyed) throw new GondolinError('NET_CLOSED', 'the network was closed');
    return socket;
  } catch (error) {
    socket.destroy();
    throw ends[0] ?? error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function openSocket(
  { kind, host, port }: UpstreamProxy,
  { roots, allowHalfOpen }: DialProxyOptions,
): Socket {
  const at = {
    host,
    port,
    allowHalfOpen,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  };
  if (kind !== 'https') return connect({ ...at, autoSelectFamily: true });
  const ca = roots.length === 0 ? {} : { ca: [...rootCertificates, ...roots] };
  return connectTls({ ...at, ...ca, servername: isIP(host) === 0 ? host : '' });
}

function connected(socket: Socket, proxy: UpstreamProxy): Promise<void> {
  const event = proxy.kind === 'https' ? 'secureConnect' : 'connect';
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off(event, onConnect).off('error', onError).off('close', onClose);
    };
    const onConnect = (): void => {
      settle();
      resolve();
    };
    const onError = (cause: NodeJS.ErrnoException): void => {
      settle();
      // A system call failed, or else the handshake.
      const isTls = proxy.kind === 'https' && cause.syscall === undefined;
      const why = isTls
        ? `TLS with it failed: ${cause.code ?? cause.message}`
        : 'it cannot be reached';
      reject(proxyError(proxy, 'unreachable', why, cause));
    };
    const onClose = (): void => {
      settle();
      reject(new GondolinError('NET_CLOSED', 'the network was closed'));
    };
    socket.once(event, onConnect).once('error', onError).once('close', onClose);
  });
}
