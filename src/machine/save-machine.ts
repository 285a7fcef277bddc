import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { copyRamOut } from './guest-ram.ts';
import { SAVE_PATH } from './qemu-arguments.ts';
import { SAVED_FILES } from './saved-files.ts';
import type { Machine } from './start-machine.ts';

/** The state is about 100 KB; even a busy host with a slow disk writes it within this time. */
const STATE_LIMIT_MS = 20_000;

/**
 * Saves a machine into an empty directory, on disk when the promise resolves. The machine is stopped meanwhile and resumed
 * afterwards, also after a failure. Nothing may be in transit on its channels (agent `freeze`).
 * @param directory  Absolute.
 * @throws {GondolinError} MACHINE_STATE_FAILED, also for a full disk; MACHINE_QMP_CLOSED, MACHINE_QMP_TIMEOUT.
 */
export async function saveMachine(machine: Machine, directory: string): Promise<void> {
  await machine.qmp.execute('stop');
  try {
    await saveState(machine, join(directory, SAVED_FILES.state));
    await copyRamOut(machine, join(directory, SAVED_FILES.ram));
    // A stopped machine has no write under way.
    await machine.rootDisk?.copyTo(join(directory, SAVED_FILES.rootDisk));
  } catch (cause) {
    if (GondolinError.is(cause) && cause.code !== 'MACHINE_QMP_FAILED') throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GondolinError('MACHINE_STATE_FAILED', `Cannot save the machine: ${reason}`, {
      cause,
    });
  } finally {
    await machine.qmp.execute('cont');
  }
}

/**
 * Saves processors and devices without the RAM. QEMU has this command for Xen, whose tools save the RAM themselves as we do;
 * QEMU writes the file itself. (Its counterpart, xen-load-devices-state, aborts QEMU 7.2; an incoming migration loads the
 * file too.) `live: false` keeps QEMU from releasing the disks.
 */
async function saveState(machine: Machine, path: string): Promise<void> {
  const limits = { timeoutMs: STATE_LIMIT_MS };
  machine.stateFile.rewind();
  await machine.qmp.execute('xen-save-devices-state', { filename: SAVE_PATH, live: false }, limits);
  await machine.stateFile.copyTo(path);
}
