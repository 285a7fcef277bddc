import { followRemote } from '../session/client/remote-command.ts';
import { openFrames } from '../session/client/session-client.ts';
import { sessionFailed } from '../session/control-line.ts';
import type { SessionRequests } from '../session/request-table.ts';
import type { LiveSession } from './find-session.ts';
import { type CliIo, writeText } from './io.ts';
import { formatBytes } from './ui/text/quantities.ts';

/** Requests that continue with the output of a command. */
type OutputMethod = 'exec' | 'attach' | 'logs';

/**
 * Sends a request and copies the streams of its command to and from those of this process. Ctrl-C closes the connection,
 * which ends a command of its own.
 * @param hasInput  Passes standard input on.
 * @param needsEnd  The output continues until the command has ended.
 * @returns The command's exit code; 0 for output that ends before.
 * @throws {GondolinError} SESSION_FAILED when the VM ends first; the reason why the command did not start.
 */
export async function followCommand<M extends OutputMethod>(
  io: CliIo,
  { controlDirectory }: LiveSession,
  method: M,
  fields: SessionRequests[M],
  { hasInput, needsEnd }: { readonly hasInput: boolean; readonly needsEnd: boolean },
): Promise<number> {
  const { stream } = await openFrames(controlDirectory, method, fields, io.signal);
  try {
    const end = await followRemote(stream, {
      stdin: hasInput ? io.stdin : null,
      stdout: io.stdout,
      stderr: io.stderr,
      onGap: (bytes) => {
        void writeText(io.stderr, `[${formatBytes(bytes)} of older output are no longer kept]\n`);
      },
    });
    io.signal.throwIfAborted();
    if (end === null && needsEnd) throw sessionFailed('it ended before the command');
    return end?.exitCode ?? 0;
  } finally {
    stream.destroy();
  }
}
