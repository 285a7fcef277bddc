import { pipeline, type Readable } from 'node:stream';
import { followRemote } from '../session/client/remote-command.ts';
import { openFrames } from '../session/client/session-client.ts';
import { sessionFailed } from '../session/control-line.ts';
import type { FrameSocket } from '../session/frames/frame-socket.ts';
import { encodeSize } from '../session/frames/window-size.ts';
import type { SessionRequests } from '../session/request-table.ts';
import { formatBytes } from '../util/quantities.ts';
import { watchDetachKeys } from './detach-keys.ts';
import type { LiveSession } from './find-session.ts';
import { type CliIo, writeText } from './io.ts';
import type { OwnTerminal } from './own-terminal.ts';

/** Requests that continue with the output of a command. */
type OutputMethod = 'archive' | 'exec' | 'attach' | 'logs';

/** The use of this process by the command. */
export interface OwnProcessUse {
  /** Passes standard input on. */
  readonly hasInput: boolean;
  /** The output continues until the command has ended. */
  readonly needsEnd: boolean;
  /** Returns the terminal whose keys and sizes are passed on, for a command on a terminal, by the result of the request. */
  readonly terminalFor?: (result: unknown) => OwnTerminal | undefined;
  /** Ctrl-P Ctrl-Q, typed on a terminal, leaves the command running. */
  readonly canDetach?: boolean;
}

function followTerminal(terminal: OwnTerminal | undefined, stream: FrameSocket): () => void {
  if (terminal === undefined) return () => undefined;
  return terminal.start(({ rows, columns }) => {
    void stream.send('resize', encodeSize(rows, columns));
  });
}

function watchedInput(stdin: Readable, detach: () => void): Readable {
  const watched = watchDetachKeys(detach);
  // An input that fails destroys the copy too, which whoever reads it reports.
  pipeline(stdin, watched, () => undefined);
  return watched;
}

/**
 * Sends a request and copies the streams of its command to and from those of this process. Ctrl-C closes the connection,
 * which ends a command of its own; on a terminal it is typed.
 * @returns The command's exit code; 0 for output that ends before, or after detaching.
 * @throws {GondolinError} SESSION_FAILED when the VM ends first; the reason why the command did not start.
 */
export async function followCommand<M extends OutputMethod>(
  io: CliIo,
  { controlDirectory }: LiveSession,
  method: M,
  fields: SessionRequests[M],
  { hasInput, needsEnd, terminalFor, canDetach }: OwnProcessUse,
): Promise<number> {
  const { stream, result } = await openFrames(controlDirectory, method, fields, io.signal);
  let isDetached = false;
  const detach = () => {
    isDetached = true;
    stream.destroy();
  };
  const input =
    canDetach === true && io.stdin.isTTY === true ? watchedInput(io.stdin, detach) : io.stdin;
  const restore = followTerminal(terminalFor?.(result), stream);
  try {
    const end = await followRemote(stream, {
      stdin: hasInput ? input : null,
      stdout: io.stdout,
      stderr: io.stderr,
      onGap: (bytes) => {
        void writeText(io.stderr, `[${formatBytes(bytes)} of older output are no longer kept]\n`);
      },
    });
    io.signal.throwIfAborted();
    if (end === null && needsEnd && !isDetached) throw sessionFailed('it ended before the command');
    return end?.exitCode ?? 0;
  } finally {
    restore();
    stream.destroy();
  }
}
