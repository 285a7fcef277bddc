import { AgentClient } from '../../agent/agent-client.ts';
import type { Machine } from '../../machine/start-machine.ts';
import { MuxSession } from '../../mux/mux-session.ts';
import { guestFailure } from '../guest-failure.ts';
import type { ChannelCounts } from '../guest-files.ts';
import type { StartNetwork } from './start-context.ts';

/** A running QEMU with its session: the agent may not have sent its greeting yet, and no volume is mounted. */
export interface StartedGuest {
  readonly machine: Machine;
  readonly session: MuxSession;
  readonly agent: AgentClient;
  /** Resolves once the root is switched and the identity is set. */
  readonly ready: Promise<void>;
  /** Wakes the agent of a restored guest whose program was greeted without it: before any other request to it. */
  readonly thaw?: () => Promise<void>;
  /** Bytes that a restored machine's file channel had carried when it was saved. */
  readonly savedChannel?: ChannelCounts;
}

/** Opens the session on a machine's control channel. The network serves its streams before the first one arrives. */
export function connectAgent(
  machine: Machine,
  network: StartNetwork | null,
): Pick<StartedGuest, 'session' | 'agent'> {
  const session = new MuxSession(machine.control);
  network?.register(session, machine);
  return { session, agent: new AgentClient(session) };
}

/**
 * Waits for `ready`; kills the machine when that fails.
 * @param limit  Rejects when the start took too long or was cancelled.
 * @throws {GondolinError} whichever of `ready`, the guest and `limit` fails first.
 */
export async function untilReady(
  guest: StartedGuest,
  limit: Promise<never>,
): Promise<StartedGuest> {
  const { machine, session, ready } = guest;
  const failure = guestFailure({ machine, session, fuse: null });
  failure.catch(() => undefined);
  try {
    await Promise.race([ready, failure, limit]);
    return guest;
  } catch (error) {
    await machine.kill();
    throw error;
  }
}
