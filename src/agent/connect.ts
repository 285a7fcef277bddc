import { once } from 'node:events';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import type { MuxStream } from '../mux/mux-stream.ts';
import { STREAM_KIND } from '../protocol/constants.ts';
import { type ConnectAddress, encodeConnectDestination } from '../protocol/tcp-destination.ts';

/** A server in the guest. */
export interface AgentConnectOptions {
  /** 1..65535. */
  readonly port: number;
  /** null: 127.0.0.1, ::1, then the guest's other addresses. @default null */
  readonly address?: ConnectAddress | null;
  /** Gives the attempt up; has no effect on the connection. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a connection to a server in the guest, and waits until that has accepted it.
 * @throws {GondolinError} MUX_STREAM_RESET with the outcome (details: reason, of RESET), MUX_STREAM_LIMIT, AGENT_TIMEOUT, the
 *   session's error; an AbortError.
 */
export async function openConnection(
  session: MuxSession,
  { port, address = null, signal }: AgentConnectOptions,
  timeoutMs: number,
): Promise<MuxStream> {
  if (signal?.aborted === true) throw aborted(signal);
  const stream = session.openStream(STREAM_KIND.CONNECT, encodeConnectDestination(address, port));
  const giveUp = () => stream.destroy(aborted(signal));
  const timer = setTimeout(() => stream.destroy(timedOut(port, timeoutMs)), timeoutMs);
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await once(stream, 'accept');
    return stream;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

function aborted(signal: AbortSignal | undefined): Error {
  // A reason can be any value: a stream that is destroyed with null has no error.
  const error = new Error('the attempt to connect was cancelled', { cause: signal?.reason });
  error.name = 'AbortError';
  return error;
}

function timedOut(port: number, timeoutMs: number): GondolinError {
  return new GondolinError(
    'AGENT_TIMEOUT',
    `the guest did not reply to CONNECT to port ${port} within ${timeoutMs} ms`,
    { details: { request: 'CONNECT', port, timeoutMs } },
  );
}
