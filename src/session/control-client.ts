import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { CODES, type ErrorCode } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { formatLine, MAX_REPLY_BYTES, readLine, sessionFailed } from './control-line.ts';
import {
  type ControlReply,
  type ControlRequest,
  parseReply,
  parseSessionFacts,
  type SessionFacts,
} from './control-request.ts';
import { CONTROL_SOCKET, listSessionDirectories } from './session-directory.ts';

/** A running gondolin, with the directory of its control socket. */
export interface RunningSession extends SessionFacts {
  /** Its session directory. */
  readonly controlDirectory: string;
}

function isKnownCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code);
}

function resultFrom(reply: ControlReply): unknown {
  if (reply.ok) return reply.result;
  const { code, message, hint } = reply.error;
  if (!isKnownCode(code)) throw sessionFailed(`${code}: ${message}`);
  throw new GondolinError(code, message, { hint });
}

/**
 * Sends a request to a running gondolin and waits for the reply, however long that takes.
 * @param directory  Its session directory.
 * @throws {GondolinError} the error in its reply; SESSION_FAILED when it has ended or its reply is invalid.
 */
export async function requestSession(
  directory: string,
  request: ControlRequest,
  signal?: AbortSignal,
): Promise<unknown> {
  const place = await open(directory, 'r').catch((cause: unknown) => {
    throw sessionFailed('it has ended', cause);
  });
  const socket = connect({ path: `/proc/self/fd/${place.fd}/${CONTROL_SOCKET}` });
  const abort = () => socket.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const line = readLine(socket, MAX_REPLY_BYTES);
    socket.write(formatLine(request));
    const reply = parseReply(await line);
    if (reply === null) throw sessionFailed('its reply is invalid');
    return resultFrom(reply);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    socket.destroy();
    await place.close();
  }
}

/** Lists every running gondolin of this user that replies. One that ends meanwhile is omitted. */
export async function listSessions(sessions: string): Promise<RunningSession[]> {
  const requests = listSessionDirectories(sessions).map(async (controlDirectory) => {
    try {
      const facts = parseSessionFacts(
        await requestSession(controlDirectory, { method: 'describe' }),
      );
      return facts === null ? null : { ...facts, controlDirectory };
    } catch (error) {
      if (GondolinError.is(error) && error.code === 'SESSION_FAILED') return null;
      throw error;
    }
  });
  return (await Promise.all(requests)).filter((session) => session !== null);
}
