import { type FileHandle, open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { anything, decodeJson, literal, object, tagged } from '../../util/json-decoder.ts';
import { formatLine, MAX_REPLY_BYTES, readLine, sessionFailed } from '../control-line.ts';
import { toError, type WireError, wireError } from '../error-reply.ts';
import { FrameSocket } from '../frames/frame-socket.ts';
import type { SessionRequests } from '../request-table.ts';
import { CONTROL_SOCKET } from '../session-directory.ts';

type Method = keyof SessionRequests;

type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: WireError };

const controlReply = tagged<ControlReply>('ok', {
  true: object<ControlReply & { ok: true }>({ ok: literal(true), result: anything }),
  false: object<ControlReply & { ok: false }>({ ok: literal(false), error: wireError }),
});

function resultFrom(line: string): unknown {
  const decoded = decodeJson(line, controlReply);
  if (!decoded.ok) throw sessionFailed(`its reply is invalid: ${decoded.problem}`);
  if (decoded.value.ok) return decoded.value.result;
  throw toError(decoded.value.error);
}

/** The path is that of a descriptor, because that of a socket is limited to 107 bytes. */
async function dial(directory: string): Promise<{ socket: Socket; place: FileHandle }> {
  const place = await open(directory, 'r').catch((cause: unknown) => {
    throw sessionFailed('it has ended', cause);
  });
  const socket = connect({ path: `/proc/self/fd/${place.fd}/${CONTROL_SOCKET}` });
  socket.once('close', () => void place.close());
  return { socket, place };
}

/**
 * Sends a request to a control socket and reads the line of its reply. Leaves the connection open unless it fails.
 * @throws {GondolinError} the error in the reply; SESSION_FAILED when the owner has ended or its reply is invalid.
 */
async function ask(
  directory: string,
  request: { readonly method: string },
  signal: AbortSignal | undefined,
): Promise<{ socket: Socket; result: unknown }> {
  signal?.throwIfAborted();
  const { socket } = await dial(directory);
  const abort = () => socket.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  socket.once('close', () => signal?.removeEventListener('abort', abort));
  try {
    const line = readLine(socket, MAX_REPLY_BYTES);
    socket.write(formatLine(request));
    const result = resultFrom(await line);
    socket.on('error', () => undefined);
    return { socket, result };
  } catch (error) {
    socket.destroy();
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * Sends a request to the owner of a VM and waits for the reply, however long that takes.
 * @param directory  The directory of the session.
 * @throws {GondolinError} the error in the reply; SESSION_FAILED when the owner has ended or its reply is invalid.
 */
export async function requestSession<M extends Method>(
  directory: string,
  method: M,
  fields: SessionRequests[M],
  signal?: AbortSignal,
): Promise<unknown> {
  const { socket, result } = await ask(directory, { method, ...fields }, signal);
  socket.destroy();
  return result;
}

/** A request that continues as frames after its reply. */
export interface FramedReply {
  readonly result: unknown;
  readonly stream: FrameSocket;
}

/** Sends a request that continues as frames. An abort closes the connection. @throws as {@link requestSession} */
export async function openFrames<M extends Method>(
  directory: string,
  method: M,
  fields: SessionRequests[M],
  signal?: AbortSignal,
): Promise<FramedReply> {
  const { socket, result } = await ask(directory, { method, ...fields }, signal);
  return { result, stream: new FrameSocket(socket) };
}

/** Like {@link requestSession}, for a control socket that has its own requests. */
export async function requestControl(
  directory: string,
  request: { readonly method: string },
  signal?: AbortSignal,
): Promise<unknown> {
  const { socket, result } = await ask(directory, request, signal);
  socket.destroy();
  return result;
}

/** Like {@link openFrames}, for a control socket that has its own requests. */
export async function openControlFrames(
  directory: string,
  request: { readonly method: string },
  signal?: AbortSignal,
): Promise<FramedReply> {
  const { socket, result } = await ask(directory, request, signal);
  return { result, stream: new FrameSocket(socket) };
}
