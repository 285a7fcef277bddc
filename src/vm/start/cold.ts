import type { AgentClient } from '../../agent/agent-client.ts';
import type { MachineSpec } from '../../machine/machine-spec.ts';
import { type StartMachineOptions, startMachine } from '../../machine/start-machine.ts';
import { mountListenersDirectory } from '../ports/guest-listeners.ts';
import { hasStandardScratch, mountStandardScratch } from './mounts.ts';
import type { StartContext, StartNetwork } from './start-context.ts';
import { connectAgent, type StartedGuest, untilReady } from './started-guest.ts';

/** The guest's root; without a device the initramfs stays it. */
export interface RootDevice {
  readonly device: string;
  readonly fsType: string;
  /** Where what is written to it goes. @default memory */
  readonly mode?: 'MEMORY' | 'DISK';
}

const NO_ROOT: RootDevice = { device: '', fsType: '' };

/** Boots a guest for this start alone: nothing is saved. */
export function bootGuest(context: StartContext): Promise<StartedGuest> {
  return bootUntilReady(context, ({ agent }) => agent.identity(context.identity()));
}

/**
 * Boots a guest and makes it what all guests of its kind share: network and trusted files, scratch mounts.
 * @param identify  Gives it its identity, as the last step before it is ready.
 */
export async function bootUntilReady(
  context: StartContext,
  identify: (guest: StartedGuest) => Promise<void>,
): Promise<StartedGuest> {
  const { spec, image, network, machineOptions, limit } = context;
  const mode = spec.rootDisk === undefined ? 'MEMORY' : 'DISK';
  const root: RootDevice =
    image.rootfsPath === null ? NO_ROOT : { device: '/dev/vda', fsType: image.rootfsType, mode };
  const guest = await bootMachine(spec, root, network, machineOptions);
  context.onMachine(guest.machine);
  const ready = guest.ready.then(async () => {
    await prepare(context, guest.agent);
    await identify(guest);
  });
  ready.catch(() => undefined);
  return untilReady({ ...guest, ready }, limit);
}

/** Boots a machine; `ready` resolves once its root is switched. It has no identity yet. */
export async function bootMachine(
  spec: MachineSpec,
  root: RootDevice,
  network: StartNetwork | null,
  options: StartMachineOptions,
): Promise<StartedGuest> {
  const machine = await startMachine(spec, options);
  const { session, agent } = connectAgent(machine, network);
  const ready = switchRoot(agent, root);
  ready.catch(() => undefined);
  return { machine, session, agent, ready };
}

async function switchRoot(agent: AgentClient, root: RootDevice): Promise<void> {
  await agent.hello;
  await agent.root(root);
}

async function prepare({ options, network }: StartContext, agent: AgentClient): Promise<void> {
  await mountListenersDirectory(agent);
  await network?.install(agent);
  if (hasStandardScratch(options)) await mountStandardScratch(options, agent);
}
