import { once } from 'node:events';
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Decoder, decodeJson } from '../util/json-decoder.ts';
import { formatLine, readLine } from './control-line.ts';
import { errorData } from './error-reply.ts';
import { FrameSocket } from './frames/frame-socket.ts';
import type { RequestConnection } from './request-kind.ts';
import { CONTROL_SOCKET } from './session-directory.ts';

/** Time for a client to send its request. */
const REQUEST_LIMIT_MS = 5_000;
/** Most connections to one VM at once; more are refused. */
export const MAX_CONNECTIONS = 128;

/** The control socket of a VM, for other commands of this user. */
export interface ControlServer {
  /** Closes open connections and removes the directory. May be called twice. */
  close(): Promise<void>;
}

/** The requests that a control socket takes. */
export interface ControlProtocol {
  /** Most bytes of a request, with its line end. */
  readonly maxRequestBytes: number;
  /** Reads a request, and returns what serves it. The result is ignored after `startFrames`. */
  readonly decoder: Decoder<(connection: RequestConnection) => Promise<unknown>>;
  /** The directory stays when the server closes, and only the socket is removed. */
  readonly keepsDirectory: boolean;
}

async function readRequest(socket: Socket, { maxRequestBytes, decoder }: ControlProtocol) {
  const timer = setTimeout(() => socket.destroy(), REQUEST_LIMIT_MS).unref();
  const line = await readLine(socket, maxRequestBytes).finally(() => clearTimeout(timer));
  const decoded = decodeJson(line, decoder);
  if (decoded.ok) return decoded.value;
  throw new GondolinError('SESSION_FAILED', `the request is invalid: ${decoded.problem}`);
}

/** Notices when a client leaves while its request is served. It sends nothing meanwhile. */
function watchClient(socket: Socket) {
  const gone = new AbortController();
  const leave = () => gone.abort();
  const refuse = () => socket.destroy();
  socket.on('close', leave).on('data', refuse);
  socket.resume();
  const stop = () => {
    socket.off('close', leave).off('data', refuse);
    socket.pause();
  };
  return { gone: gone.signal, stop };
}

/** Ends a connection with a line. Reads what still comes, so that the client's end is noticed. */
function answer(socket: Socket, line: unknown): void {
  if (socket.destroyed) return;
  socket.end(formatLine(line));
  socket.resume();
}

async function serve(socket: Socket, protocol: ControlProtocol): Promise<void> {
  let stream: FrameSocket | undefined;
  try {
    const run = await readRequest(socket, protocol);
    const client = watchClient(socket);
    const startFrames = (result: unknown) => {
      client.stop();
      socket.write(formatLine({ ok: true, result }));
      stream = new FrameSocket(socket);
      return stream;
    };
    const result = await run({ gone: client.gone, startFrames });
    if (stream === undefined) answer(socket, { ok: true, result });
  } catch (error) {
    // After frames there is no line to answer with.
    if (stream !== undefined) socket.destroy();
    else answer(socket, { ok: false, error: errorData(error) });
  }
}

/** Listens by a path through a descriptor of the directory: the path of a socket is limited to 107 bytes. */
async function listen(server: Server, directory: string, place: number): Promise<void> {
  server.listen(`/proc/self/fd/${place}/${CONTROL_SOCKET}`);
  await once(server, 'listening');
  chmodSync(join(directory, CONTROL_SOCKET), 0o600);
}

function refuseConnection(socket: Socket): void {
  const error = new GondolinError('SESSION_LIMIT', `${MAX_CONNECTIONS} connections are open`);
  socket.on('error', () => undefined);
  answer(socket, { ok: false, error: errorData(error) });
}

/** Directories of the sessions, and sockets in others, that are open. One listener for all: Node warns of the eleventh. */
const removeAtExit = new Set<string>();

process.once('exit', () => {
  for (const path of removeAtExit) rmSync(path, { recursive: true, force: true });
});

/**
 * Opens a control socket in a directory, for this user only: the directory has mode 0700 and the socket 0600.
 * Neither it nor its connections keep Node alive.
 * @param directory  The directory of the session, which `close` removes unless it is kept.
 * @throws the system's error if it cannot listen.
 */
export async function openControlServer(
  directory: string,
  protocol: ControlProtocol,
): Promise<ControlServer> {
  const removed = protocol.keepsDirectory ? join(directory, CONTROL_SOCKET) : directory;
  // Not on threads: their wake-ups cost more than these calls.
  const place = openSync(directory, 'r');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.unref();
    if (sockets.size >= MAX_CONNECTIONS) {
      refuseConnection(socket);
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A client that disconnects has its reply or does not want it.
    socket.on('error', () => undefined);
    void serve(socket, protocol);
  });
  server.unref();
  removeAtExit.add(removed);
  let closing: Promise<void> | undefined;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) {
      const closed = once(server, 'close');
      server.close();
      await closed;
    }
    closeSync(place);
    await rm(removed, { recursive: true, force: true });
    removeAtExit.delete(removed);
  };
  const result: ControlServer = {
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
