import { integer, nullable, object, text } from '../../util/json-decoder.ts';
import { toSignal } from '../commands/serve-command.ts';
import type { RequestKind } from '../request-kind.ts';

export interface KillRequest {
  /** Number of a detached command, 0 for the main one; null for the latest. */
  readonly command: number | null;
  /** Name of a signal, such as `SIGTERM`. SIGKILL reaches every process of the command, others its process group. */
  readonly signal: string;
}

/** Sends a signal to a detached command. */
export const killRequest: RequestKind<KillRequest> = {
  decoder: object<KillRequest>({ command: nullable(integer()), signal: text() }),
  run: async ({ command: id, signal: name }, { commands }) => {
    const signal = toSignal(name);
    const { process, isRunning } = commands.find(id);
    if (isRunning) await process.kill(signal, signal === 'SIGKILL' ? 'tree' : 'group');
    return { isRunning };
  },
};
