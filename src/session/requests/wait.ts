import { integer, nullable, object } from '../../util/json-decoder.ts';
import type { RequestKind } from '../request-kind.ts';

export interface WaitRequest {
  /** Number of a detached command, 0 for the main one; null for the latest. */
  readonly command: number | null;
}

/** Returns how a detached command ended, once it has. */
export const waitRequest: RequestKind<WaitRequest> = {
  decoder: object<WaitRequest>({ command: nullable(integer()) }),
  run: async ({ command: id }, { commands }) => {
    const { exitCode, signal, isOutOfMemory } = await commands.find(id).ended;
    return { exitCode, signal, isOutOfMemory };
  },
};
