import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { GondolinError } from '../errors/gondolin-error.ts';
import { clientOptions, loginLine, writeAccessFiles } from './access-files.ts';
import { serveConnection } from './serve-connection.ts';
import type { SshGuest } from './ssh-guest.ts';
import type { SshAccess } from './ssh-options.ts';
import { ACCESS_ALGORITHMS, Server } from './ssh2.ts';

/** Most connections of one access at once; more are closed. */
const MAX_CONNECTIONS = 32;

async function listen(server: NetServer, host: string, port: number): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new GondolinError('SSH_LISTEN_FAILED', `cannot listen on ${host}:${port}: ${code}`, {
      cause,
      details: { host, port },
    });
  }
  return (server.address() as AddressInfo).port;
}

/**
 * Opens an SSH server on loopback whose sessions run in the guest, and makes the only key that it lets in.
 *
 * @param directory  Private, for the files of the access; removed with it.
 * @param at  `user`: the user to log in as. Each session runs as the guest was given.
 * @throws {GondolinError} SSH_LISTEN_FAILED
 */
export async function openSsh(
  guest: SshGuest,
  directory: string,
  at: { readonly user: string; readonly host: string; readonly port: number },
): Promise<SshAccess> {
  const { user, host } = at;
  const files = await writeAccessFiles(directory);
  const sockets = new Set<Socket>();
  const ssh = new Server({
    hostKeys: [files.hostKey.privateText],
    ident: 'gondolin',
    algorithms: ACCESS_ALGORITHMS,
  });
  ssh.on('error', () => undefined);
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    if (sockets.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    ssh.injectSocket(socket);
  });
  const socketPort = () => (server.address() as AddressInfo | null)?.port ?? 0;
  const login = { user, clientKey: files.clientKey };
  ssh.on('connection', (client, info) => {
    const from = `${info.ip} ${info.port}`;
    const env = {
      SSH_CLIENT: `${from} ${socketPort()}`,
      SSH_CONNECTION: `${from} ${host} ${socketPort()}`,
    };
    serveConnection(client, guest, login, env);
  });
  const port = await listen(server, host, at.port).catch(async (error: unknown) => {
    await files.remove();
    throw error;
  });
  const { identityFile, knownHostsFile } = files;
  const options = clientOptions(files);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    await files.remove();
  };
  return {
    ...{ host, port, user, identityFile, knownHostsFile, options },
    command: loginLine({ host, port, user, options }),
    close() {
      closing ??= close();
      return closing;
    },
  };
}
