import type { SessionRole } from '../session/session-role.ts';
import { withContainer } from './container-options.ts';
import { eventLog } from './debug-log.ts';
import { type OpenDisk, openDisksOf } from './disks/disks-of.ts';
import { VMEvents } from './events/vm-events.ts';
import { type Shell, shellOf } from './guest-command.ts';
import type { NormalVMOptions } from './normalize-options.ts';
import { openNetwork } from './open-network.ts';
import { SessionRegistration } from './session-registration.ts';
import type { GuestSource } from './start/guest-source.ts';
import type { RunningGuest } from './start/start.ts';
import type { DebugLog } from './vm-options.ts';

/** The parts of a VM whose guest runs. */
export interface OpenedVm {
  readonly guest: RunningGuest;
  /** With what its image says about its processes. */
  readonly options: NormalVMOptions;
  /** The shell of commands that are strings. */
  readonly shell: Shell;
  readonly bootMs: number;
  readonly events: VMEvents;
  readonly registration: SessionRegistration;
  /** Releases all but the guest: the image, the disks, the network and the session. */
  readonly release: () => Promise<void>;
}

/** Opens a VM's network, image and disks, and starts its guest. On failure all of it is released. */
export async function openVm({
  options: given,
  role,
  log,
  source,
}: {
  readonly options: NormalVMOptions;
  readonly role: SessionRole;
  readonly log: DebugLog;
  readonly source: GuestSource;
}): Promise<OpenedVm> {
  const events = new VMEvents(eventLog(given, log));
  const network = await openNetwork(given, log, (event) => events.network(event));
  const acquired = await source.image(given).catch(async (error: unknown) => {
    await network?.close();
    throw error;
  });
  const options = withContainer(given, acquired.image.container);
  const registration = new SessionRegistration(options, role);
  let disks: readonly OpenDisk[] = [];
  const release = async () => {
    await registration.close();
    await network?.close();
    await acquired.release();
    for (const { image } of disks) image.close();
  };
  try {
    disks = await openDisksOf(options);
    options.onProgress?.('booting');
    const started = performance.now();
    const onSpawned = () => registration.open();
    const { image } = acquired;
    const guest = await source.start({ options, image, network, disks, log, onSpawned });
    const bootMs = performance.now() - started;
    log('vm', `ready after ${bootMs.toFixed(0)} ms`);
    const shell = shellOf(image.container);
    return { guest, options, shell, bootMs, events, registration, release };
  } catch (error) {
    await release();
    throw error;
  }
}
