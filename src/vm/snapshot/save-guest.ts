import type { AgentClient } from '../../agent/agent-client.ts';
import { saveMachine } from '../../machine/save-machine.ts';
import type { Machine } from '../../machine/start-machine.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import { presentTime } from '../clock-keeper.ts';
import type { GuestNetwork } from '../guest-network.ts';
import { writeManifest } from './saved-machine.ts';
import { writeMounts } from './saved-mounts.ts';
import { writeNetworkState } from './saved-network.ts';
import { whileFrozen } from './while-frozen.ts';

export interface SavedGuest {
  readonly machine: Machine;
  readonly agent: AgentClient;
  /** Null when the VM has no provider mounts. */
  readonly fuse: FuseServer | null;
  /** Guest paths of its provider mounts, in the order they were given. */
  readonly mountTargets: readonly string[];
  /** Guest paths of its disks, in the order they were given. */
  readonly diskTargets: readonly string[];
  /** Null when the VM has no network. */
  readonly network: GuestNetwork | null;
  /** Machines that can load it have the same key: see computeTemplateKey. */
  readonly templateKey: string;
}

/**
 * Saves a running guest into an existing, empty directory and resumes it, also after a failure. Its commands notice only
 * that time has passed.
 * @throws {GondolinError} MACHINE_STATE_FAILED, SNAPSHOT_UNSUPPORTED; the error that ended the guest.
 */
export async function saveGuest(guest: SavedGuest, directory: string): Promise<void> {
  const { machine, agent, fuse, mountTargets, diskTargets, network, templateKey } = guest;
  const outcome = await whileFrozen({ agent, fuse }, presentTime, async ({ counterKhz }) => {
    await writeMounts(directory, { targets: mountTargets, disks: diskTargets }, fuse);
    if (network !== null) await writeNetworkState(directory, network.state);
    await saveMachine(machine, directory);
    const { bytesIn = 0, bytesOut = 0 } = fuse ?? {};
    return { channel: { bytesIn, bytesOut }, counterKhz };
  });
  if (outcome.status === 'rejected') throw outcome.reason;
  await writeManifest(directory, templateKey, machine.spec.memoryBytes, outcome.value);
}
