import { requestSession } from '../session/client/session-client.ts';
import { sessionFailed } from '../session/control-line.ts';
import type { SessionSshAccess } from '../session/session-vm.ts';
import { decodeValue, integer, list, object, text } from '../util/json-decoder.ts';
import { findSession, type LiveSession, type ProjectScope } from './find-session.ts';
import type { CliIo } from './io.ts';

const MAX_PORT = 65_535;

const decoder = object<SessionSshAccess>({
  host: text(),
  port: integer({ min: 1, max: MAX_PORT }),
  user: text(),
  identityFile: text(),
  knownHostsFile: text(),
  options: list(text(), { maxLength: 64 }),
});

/** A running VM with its way in by SSH. */
export interface ReachableVm {
  readonly session: LiveSession;
  readonly access: SessionSshAccess;
}

/** Finds a running VM and opens its way in. @throws {GondolinError} as `findSession` and `requestSession`. */
export async function reachVm(io: CliIo, word: string, scope: ProjectScope): Promise<ReachableVm> {
  const session = await findSession(io, word, scope);
  const reply = await requestSession(session.controlDirectory, 'ssh', {}, io.signal);
  const decoded = decodeValue(reply, decoder);
  if (!decoded.ok) throw sessionFailed(decoded.problem);
  return { session, access: decoded.value };
}
