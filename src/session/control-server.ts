import { once } from 'node:events';
import { chmod, type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { formatLine, MAX_REQUEST_BYTES, readLine } from './control-line.ts';
import { type ControlReply, type ControlRequest, parseRequest } from './control-request.ts';
import { CONTROL_SOCKET, makeSessionDirectory } from './session-directory.ts';

/** Time for a client to send its request. */
const REQUEST_LIMIT_MS = 5_000;
const MAX_CONNECTIONS = 16;

/** The control socket of a running gondolin, for other commands of this user. */
export interface ControlServer {
  /** The session directory, which `close` removes. */
  readonly directory: string;
  /** Closes open connections and removes the directory. May be called twice. */
  close(): Promise<void>;
}

/** Handles a request: returns plain data, or throws. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

function errorReply(error: unknown): ControlReply {
  const { code, message, hint } = GondolinError.is(error)
    ? error
    : new GondolinError('SESSION_FAILED', error instanceof Error ? error.message : String(error));
  return { ok: false, error: { code, message, hint } };
}

async function serve(socket: Socket, handle: ControlHandler): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), REQUEST_LIMIT_MS);
  let reply: ControlReply;
  try {
    const request = parseRequest(await readLine(socket, MAX_REQUEST_BYTES));
    clearTimeout(timer);
    if (request === null) throw new GondolinError('SESSION_FAILED', 'received an unknown request');
    reply = { ok: true, result: await handle(request) };
  } catch (error) {
    reply = errorReply(error);
  } finally {
    clearTimeout(timer);
  }
  if (!socket.destroyed) socket.end(formatLine(reply));
}

/** Listens by a path through a descriptor of the directory: the path of a socket is limited to 107 bytes. */
async function listen(server: Server, directory: string, place: FileHandle): Promise<void> {
  server.listen(`/proc/self/fd/${place.fd}/${CONTROL_SOCKET}`);
  await once(server, 'listening');
  await chmod(join(directory, CONTROL_SOCKET), 0o600);
}

/**
 * Opens a control socket in a new directory below `sessions`, for this user only: the directory has mode 0700 and the
 * socket 0600.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE; the system's error if it cannot listen.
 */
export async function openControlServer(
  sessions: string,
  handle: ControlHandler,
): Promise<ControlServer> {
  const directory = await makeSessionDirectory(sessions);
  const place = await open(directory, 'r');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A client that disconnects has its reply or does not want it.
    socket.on('error', () => undefined);
    void serve(socket, handle);
  });
  server.maxConnections = MAX_CONNECTIONS;
  let closing: Promise<void> | undefined;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) {
      const closed = once(server, 'close');
      server.close();
      await closed;
    }
    await place.close();
    await rm(directory, { recursive: true, force: true });
  };
  const result: ControlServer = {
    directory,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
  try {
    await listen(server, directory, place);
    return result;
  } catch (error) {
    await result.close();
    throw error;
  }
}
