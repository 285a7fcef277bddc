import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { formatPlace } from '../address/format-place.ts';
import { GondolinError } from '../errors/gondolin-error.ts';

/** A place on this machine where a server listens. */
export interface ListenPlace {
  /** An IP address of this machine. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

function listenError(place: ListenPlace, cause: NodeJS.ErrnoException): GondolinError {
  const where = formatPlace(place);
  const details = { host: place.host, port: place.port, errno: cause.code ?? null };
  if (cause.code === 'EADDRINUSE') {
    return new GondolinError('INGRESS_PORT_IN_USE', `port ${where} is in use`, { cause, details });
  }
  const facts = { cause, details };
  if (cause.code === 'EACCES') {
    const hint = 'Use a port from 1024 on: the lower ones need the rights of root.';
    return new GondolinError('INGRESS_LISTEN_FAILED', `cannot listen on ${where}: not permitted`, {
      ...facts,
      hint,
    });
  }
  const message = `cannot listen on ${where}: ${cause.code ?? cause.message}`;
  return new GondolinError('INGRESS_LISTEN_FAILED', message, facts);
}

/**
 * Makes a server listen, and returns the port that it got. The server alone does not keep Node running.
 * @throws {GondolinError} INGRESS_PORT_IN_USE, INGRESS_LISTEN_FAILED.
 */
export async function listenOn(server: Server, place: ListenPlace): Promise<number> {
  const { host, port } = place;
  server.listen({ host, port, exclusive: true, ipv6Only: host.includes(':') });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(place, error as NodeJS.ErrnoException);
  }
  server.unref();
  return (server.address() as AddressInfo).port;
}
