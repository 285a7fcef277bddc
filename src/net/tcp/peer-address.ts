import type { Socket } from 'node:net';

/** Servers' addresses of connections through a proxy; null where the proxy resolved the name. */
const BEHIND_PROXY = new WeakMap<Socket, string | null>();

/** Notes the server's address of a connection through a proxy. */
export function notePeerAddress(socket: Socket, address: string | null): void {
  BEHIND_PROXY.set(socket, address);
}

/** Notes that a connection is carried by another one. */
export function passPeerAddress(from: Socket, to: Socket): void {
  const address = BEHIND_PROXY.get(from);
  if (address !== undefined) BEHIND_PROXY.set(to, address);
}

/** Returns the address of the server that a connection leads to: not the proxy's. Null where it is not known. */
export function peerAddress(socket: Socket): string | null {
  const behind = BEHIND_PROXY.get(socket);
  return behind === undefined ? (socket.remoteAddress ?? null) : behind;
}
