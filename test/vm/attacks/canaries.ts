import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

export const CANARY_ANSWER = 'CANARY-REACHED';

/** Servers of this host that no guest may reach: on loopback, on each of its own addresses, on UDP and on a Unix socket. */
export interface Canaries {
  /** The same on every address and for UDP. */
  readonly port: number;
  /** Own addresses of this host besides loopback. */
  readonly addresses: readonly string[];
  readonly socketPath: string;
  /** Where something arrived, in order; emptied by the reader. */
  readonly hits: string[];
  close(): Promise<void>;
}

/** This host's addresses that are not loopback, without those that need a zone. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, address }) => !internal && !/^fe80/i.test(address))
    .map(({ address }) => address);
}

/** @param directory  Where the Unix socket is made. */
export async function startCanaries(directory: string): Promise<Canaries> {
  const hits: string[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const datagrams: UdpSocket[] = [];
  const answer = (where: string) => (socket: Socket) => {
    hits.push(where);
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    socket.once('data', () => {
      socket.end(
        `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${CANARY_ANSWER.length + 1}\r\n\r\n${CANARY_ANSWER}\n`,
      );
    });
  };
  const listen = async (where: string, at: object): Promise<Server> => {
    const server = createServer(answer(where));
    servers.push(server);
    server.listen(at);
    await once(server, 'listening');
    return server;
  };
  const first = await listen('tcp 127.0.0.1', { port: 0, host: '127.0.0.1' });
  const { port } = first.address() as AddressInfo;
  const addresses = ownAddresses();
  for (const host of ['::1', ...addresses]) await listen(`tcp ${host}`, { port, host });
  for (const host of ['127.0.0.1', '::1', ...addresses]) {
    const datagram = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
    datagram.on('message', () => hits.push(`udp ${host}`)).bind(port, host);
    await once(datagram, 'listening');
    datagrams.push(datagram);
  }
  const socketPath = join(directory, 'host.sock');
  await listen('unix', { path: socketPath });
  return {
    port,
    addresses,
    socketPath,
    hits,
    async close() {
      for (const datagram of datagrams) datagram.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
}
