import { GondolinError } from '../../errors/gondolin-error.ts';
import { tryLockDirectory } from '../../host/directory-lock.ts';
import type { MachineSpec } from '../../machine/machine-spec.ts';
import { type StartMachineOptions, startMachine } from '../../machine/start-machine.ts';
import type { CloneIdentity } from '../../protocol/host-message.ts';
import { setClock } from '../clock-keeper.ts';
import { openSavedMachine, refused, type SavedMachine } from '../snapshot/saved-machine.ts';
import type { StartContext, StartNetwork } from './start-context.ts';
import { connectAgent, type StartedGuest, untilReady } from './started-guest.ts';

/** Twenty machines at once on two cores need 5 s each. */
const RESTORE_LIMIT_MS = 30_000;
/** A thaw that took longer may have left the clock wrong by more than a guest's clock may be. */
const MAX_THAW_MS = 35;

/**
 * Restores the machine that `VM.save` wrote into a directory.
 * @throws {GondolinError} SNAPSHOT_REFUSED when it is missing, damaged, of another kind, or QEMU does not load it.
 */
export async function restoreGuest(
  context: StartContext,
  directory: string,
): Promise<StartedGuest> {
  const open = () => openSavedMachine(directory, context.templateKey);
  let guest: StartedGuest | null;
  try {
    guest = await restoreLocked(context, directory, open);
  } catch (cause) {
    const isOfMachine = GondolinError.is(cause) && cause.code.startsWith('MACHINE_');
    throw isOfMachine ? refused(directory, cause.message, cause) : cause;
  }
  if (guest === null) throw refused(directory, 'there is no saved machine');
  return guest;
}

/**
 * Restores the saved machine that `open` finds. Until the new machine ends, a shared lock keeps its directory from being
 * removed to save space. Null when there is none, or it is being removed.
 */
export async function restoreLocked(
  context: StartContext,
  directory: string,
  open: () => Promise<SavedMachine | null>,
): Promise<StartedGuest | null> {
  const lock = tryLockDirectory(directory, 'shared');
  if (lock === null) return null;
  try {
    const saved = await open();
    const guest = saved === null ? null : await restore(context, saved);
    if (guest === null) lock.release();
    else void guest.machine.exited.then(() => lock.release());
    return guest;
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function restore(context: StartContext, saved: SavedMachine): Promise<StartedGuest> {
  const { spec, identity, network, machineOptions } = context;
  const { greetRestored } = context;
  const guest = await (greetRestored === undefined
    ? restoreMachine(spec, saved, identity, network, machineOptions)
    : restoreProgram(spec, saved, { identity, greetRestored, machineOptions }));
  context.onMachine(guest.machine);
  context.log('vm', `restored from ${saved.ramPath}`);
  const timeout = AbortSignal.timeout(RESTORE_LIMIT_MS);
  const late = new Promise<never>((_, reject) => {
    timeout.addEventListener('abort', () =>
      reject(new GondolinError('SNAPSHOT_REFUSED', 'the restored guest does not respond')),
    );
  });
  late.catch(() => undefined);
  const ready = Promise.race([guest.ready, late]);
  ready.catch(() => undefined);
  return untilReady({ ...guest, ready }, context.limit);
}

/**
 * Restores a saved machine as a new one with an identity of its own. Requests may be sent at once: the agent gets them
 * after the identity.
 */
export async function restoreMachine(
  spec: MachineSpec,
  saved: SavedMachine,
  identity: () => CloneIdentity,
  network: StartNetwork | null,
  options: StartMachineOptions,
): Promise<StartedGuest> {
  const ram = { kind: 'clone', path: saved.ramPath } as const;
  const { statePath, counterKhz, rootDiskPath } = saved;
  const saves = { statePath, counterKhz, ...(rootDiskPath === undefined ? {} : { rootDiskPath }) };
  const machine = await startMachine({ ...spec, ram }, { ...options, ...saves });
  const { session, agent } = connectAgent(machine, network);
  const sentAt = performance.now();
  const thawed = agent.thaw(identity(), true);
  const ready = Promise.all([agent.hello, thawed]).then(async () => {
    // QEMU may still have been loading: on a busy host for longer than a clock may be wrong.
    if (performance.now() - sentAt > MAX_THAW_MS) await setClock(agent);
  });
  ready.catch(() => undefined);
  return { machine, session, agent, ready, savedChannel: saved.channel };
}

/**
 * Restores a saved machine whose one program was not frozen, and speaks to that program alone, from before QEMU has loaded the
 * machine: its agent is woken later, by `thaw`.
 */
async function restoreProgram(
  spec: MachineSpec,
  saved: SavedMachine,
  {
    identity,
    greetRestored,
    machineOptions,
  }: Pick<StartContext, 'identity' | 'machineOptions'> &
    Required<Pick<StartContext, 'greetRestored'>>,
): Promise<StartedGuest> {
  const ram = { kind: 'clone', path: saved.ramPath } as const;
  const { statePath, counterKhz } = saved;
  const options = { ...machineOptions, statePath, counterKhz, awaitsMonitor: false };
  const machine = await startMachine({ ...spec, ram }, options);
  const { session, agent } = connectAgent(machine, null);
  const ready = greetRestored(machine);
  ready.catch(() => undefined);
  // The program has set the clock by then, and may be busy when this arrives.
  const thaw = () => agent.thaw({ ...identity(), realtimeNs: 0n }, true);
  return { machine, session, agent, ready, thaw };
}
