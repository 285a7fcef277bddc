import { randomBytes, randomUUID } from 'node:crypto';
import { AgentClient, type Hello } from '../agent/agent-client.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { MachineSpec } from '../machine/machine-spec.ts';
import { type Machine, type StartMachineOptions, startMachine } from '../machine/start-machine.ts';
import { MuxSession } from '../mux/mux-session.ts';
import type { GuestIdentity } from '../protocol/host-message.ts';
import { presentTime, setClock } from './clock-keeper.ts';
import type { ChannelCounts } from './guest-files.ts';
import type { GuestNetwork } from './guest-network.ts';
import type { SavedMachine } from './snapshot/saved-machine.ts';
import type { VMOptions } from './vm-options.ts';

const DEFAULT_HOSTNAME = 'gondolin';
const ENTROPY_BYTES = 256;
const MAX_THAW_MS = 35;

/** A machine whose agent answers: root switched, identity set or on its way, nothing mounted. */
export interface StartedGuest {
  readonly machine: Machine;
  readonly session: MuxSession;
  readonly agent: AgentClient;
  /** What the start still waits for: the agent's greeting, and its answers so far. */
  readonly ready: Promise<Hello>;
  /** What a restored machine's file channel had carried when it was saved. */
  readonly carried?: ChannelCounts;
}

/** A fresh identity with the host's time: no two machines share any of it. */
export function identityFor({ hostname = DEFAULT_HOSTNAME }: VMOptions): GuestIdentity {
  return {
    ...presentTime(),
    hostname,
    machineId: randomBytes(16).toString('hex'),
    bootId: randomUUID(),
    entropy: randomBytes(ENTROPY_BYTES),
  };
}

function connect(
  machine: Machine,
  network: GuestNetwork | null,
): { session: MuxSession; agent: AgentClient } {
  const session = new MuxSession(machine.control);
  network?.register(session, machine);
  return { session, agent: new AgentClient(session) };
}

/** Boots a machine; `ready` comes once its root is switched. It has no identity yet. */
export async function bootMachine(
  spec: MachineSpec,
  rootfsType: GuestImage['rootfsType'],
  network: GuestNetwork | null,
  options: StartMachineOptions,
): Promise<StartedGuest> {
  const machine = await startMachine(spec, options);
  const { session, agent } = connect(machine, network);
  const ready = agent.hello.then(async (hello) => {
    await agent.root({ device: '/dev/vda', fsType: rootfsType });
    return hello;
  });
  ready.catch(() => undefined);
  return { machine, session, agent, ready };
}

/**
 * Restores a saved machine as a new one with an identity of its own. Requests may be sent at once: the agent gets them
 * behind the identity.
 */
export async function restoreMachine(
  spec: MachineSpec,
  saved: SavedMachine,
  identity: () => GuestIdentity,
  network: GuestNetwork | null,
  options: StartMachineOptions,
): Promise<StartedGuest> {
  const ram = { kind: 'clone', path: saved.ramPath } as const;
  const machine = await startMachine({ ...spec, ram }, { ...options, statePath: saved.statePath });
  const { session, agent } = connect(machine, network);
  const sentAt = performance.now();
  const thawed = agent.thaw(identity(), true);
  const ready = Promise.all([agent.hello, thawed]).then(async ([hello]) => {
    // QEMU may still have been loading: on a busy host for longer than a clock may be wrong.
    if (performance.now() - sentAt > MAX_THAW_MS) await setClock(agent);
    return hello;
  });
  ready.catch(() => undefined);
  return { machine, session, agent, ready, carried: saved.channel };
}
