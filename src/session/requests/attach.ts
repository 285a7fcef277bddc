import { integer, nullable, object } from '../../util/json-decoder.ts';
import { sendLog, serveWatcher } from '../commands/serve-command.ts';
import type { RequestKind } from '../request-kind.ts';

export interface AttachRequest {
  /** Number of a detached command, 0 for the main one; null for the latest. */
  readonly command: number | null;
}

/** Connects a client with a detached command: its output from now on, and its input. */
export const attachRequest: RequestKind<AttachRequest> = {
  decoder: object<AttachRequest>({ command: nullable(integer()) }),
  run: async ({ command: id }, { commands }, connection) => {
    const { pid, hasTerminal, log, process, ended } = commands.find(id);
    const stream = connection.startFrames({ pid, hasTerminal });
    const from = log.totalBytes;
    await serveWatcher(process, stream, (gone) =>
      sendLog(log.read({ from, isFollowing: true }, gone), ended, stream),
    );
    return null;
  },
};
