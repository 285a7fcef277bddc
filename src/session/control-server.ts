import { once } from 'node:events';
import { chmod, type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { formatLine, MAX_REQUEST_BYTES, readLine } from './control-line.ts';
import { type ControlReply, type ControlRequest, parseRequest } from './control-request.ts';
import { CONTROL_SOCKET, makeSessionDirectory } from './session-directory.ts';

/** How long a client may take to send its line. */
const REQUEST_LIMIT_MS = 5_000;
const MAX_CONNECTIONS = 16;

/** A running gondolin that other commands of this user can ask. */
export interface ControlServer {
  /** Its directory; removed by `close`. */
  readonly directory: string;
  /** Ends open conversations and removes the directory. May be called twice. */
  close(): Promise<void>;
}

/** Answers a request with plain data, or throws. */
export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

function replyOf(error: unknown): ControlReply {
  const { code, message, hint } = GondolinError.is(error)
    ? error
    : new GondolinError('SESSION_FAILED', error instanceof Error ? error.message : String(error));
  return { ok: false, error: { code, message, hint } };
}

async function answer(socket: Socket, handle: ControlHandler): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), REQUEST_LIMIT_MS);
  let reply: ControlReply;
  try {
    const request = parseRequest(await readLine(socket, MAX_REQUEST_BYTES));
    clearTimeout(timer);
    if (request === null) throw new GondolinError('SESSION_FAILED', 'got no request I know');
    reply = { ok: true, result: await handle(request) };
  } catch (error) {
    reply = replyOf(error);
  } finally {
    clearTimeout(timer);
  }
  if (!socket.destroyed) socket.end(formatLine(reply));
}

/** The path goes through a descriptor of the directory: a socket's path may have 107 bytes only. */
async function listen(server: Server, directory: string, place: FileHandle): Promise<void> {
  server.listen(`/proc/self/fd/${place.fd}/${CONTROL_SOCKET}`);
  await once(server, 'listening');
  await chmod(join(directory, CONTROL_SOCKET), 0o600);
}

/**
 * Listens in a new directory below `sessions`, for this user only: the directory is 0700 and the socket 0600.
 * @throws {GondolinError} HOST_DIRECTORY_UNUSABLE; the system's error when it cannot listen.
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
    // A client that goes away has its answer or wants none.
    socket.on('error', () => undefined);
    void answer(socket, handle);
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
