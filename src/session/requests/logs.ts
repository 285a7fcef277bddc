import { boolean, integer, nullable, object } from '../../util/json-decoder.ts';
import { sendLog, serveWatcher } from '../commands/serve-command.ts';
import type { RequestKind } from '../request-kind.ts';

export interface LogsRequest {
  /** Number of a detached command, 0 for the main one; null for the latest. */
  readonly command: number | null;
  /** Continues until the command has ended. */
  readonly isFollowing: boolean;
}

/** Sends the output of a detached command that is kept. */
export const logsRequest: RequestKind<LogsRequest> = {
  decoder: object<LogsRequest>({ command: nullable(integer()), isFollowing: boolean }),
  run: async ({ command: id, isFollowing }, { commands }, connection) => {
    const { log, process, ended } = commands.find(id);
    const stream = connection.startFrames(null);
    await serveWatcher(process, stream, (gone) =>
      sendLog(log.read({ isFollowing }, gone), isFollowing ? ended : null, stream),
    );
    return null;
  },
};
