import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { GUEST_TLS_MS } from '../../limits.ts';
import { reset } from '../../tcp/splice.ts';
import { TlsTransport } from './tls-transport.ts';

/**
 * Ends the guest's TLS on the host. A guest that breaks the handshake off, does not trust us or takes too long is reset.
 *
 * @param stream  Its next bytes are the ClientHello.
 * @param how  `prefersHttp2`: if false, HTTP/2 is chosen only when the guest offers nothing else.
 * @param serve  Called with the socket as its handshake is done; later, bytes would be lost.
 */
export function terminateTls(
  stream: Duplex,
  how: { readonly secureContext: SecureContext; readonly prefersHttp2: boolean },
  serve: (socket: TLSSocket) => void,
): void {
  const { secureContext, prefersHttp2 } = how;
  const ours = prefersHttp2 ? ['h2', 'http/1.1'] : ['http/1.1', 'h2'];
  const transport = new TlsTransport(stream);
  const socket = new TLSSocket(transport, {
    isServer: true,
    secureContext,
    ALPNCallback: ({ protocols }) => ours.find((known) => protocols.includes(known)),
  });
  const fail = (): void => {
    clearTimeout(timer);
    socket.destroy();
    reset(stream);
  };
  const timer = setTimeout(fail, GUEST_TLS_MS);
  socket.on('error', () => undefined).once('close', fail);
  stream.once('end', fail);
  socket.once('secure', () => {
    clearTimeout(timer);
    socket.off('close', fail);
    stream.off('end', fail);
    takeControl(socket);
    // Where TLS is held back its end may not have been read yet.
    transport.hasTlsEnded = () =>
      socket.readableEnded || socket.readableLength > 0 || socket.isPaused();
    serve(socket);
  });
}

/**
 * Does what `tls.Server` does with a socket once its handshake is done. We have no such server: it could not
 * know which of its sockets belongs to which stream, and it has one certificate for connections without a server name.
 */
function takeControl(socket: TLSSocket): void {
  // HTTP/2 waits for the handshake while this is set.
  Object.assign(socket, { secureConnecting: false });
  // A broken record after the handshake emits this event only.
  socket.on('_tlsError', () => socket.destroy());
}
