import { isColdForced } from '../../host/cold-start.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import { type GuestParts, guestFailure } from '../guest-failure.ts';
import { GuestFiles } from '../guest-files.ts';
import type { GuestNetwork } from '../guest-network.ts';
import { bootGuest } from './cold.ts';
import { mountVolumes } from './mounts.ts';
import { restoreGuest } from './restore.ts';
import { createStartContext, type StartContext, type StartRequest } from './start-context.ts';
import { startLimits } from './start-limits.ts';
import type { StartedGuest } from './started-guest.ts';
import { startFromTemplate } from './template.ts';

/** The parts of a running VM, wired and mounted. */
export interface RunningGuest extends GuestParts, Pick<StartedGuest, 'agent'> {
  readonly kernelRelease: string;
  /** Names the machine's kind: what must be equal where it is restored. 64 hex digits. */
  readonly templateKey: string;
  /** Null when the VM has none. */
  readonly network: GuestNetwork | null;
}

/**
 * Starts a guest until it is ready for commands, in this order:
 *
 * 1. `createStartContext` describes the machine and computes its template key.
 * 2. `restoreOrBoot` starts QEMU: from a saved machine (restore.ts), from the template of its kind (template.ts), or by a
 *    cold boot (cold.ts). Root, network and clone identity are then set.
 * 3. `mountAll` mounts the volumes (mounts.ts), or opens those of a restored machine again.
 *
 * On failure nothing keeps running.
 * @throws {GondolinError} VM_BOOT_TIMEOUT, VM_START_ABORTED, SNAPSHOT_REFUSED, MACHINE_…, AGENT_…, VFS_…, GUEST_PROTOCOL.
 */
export async function startGuest(request: StartRequest): Promise<RunningGuest> {
  const limits = startLimits(request.options);
  const files = new GuestFiles(request.options, request.log);
  try {
    const context = await createStartContext({
      ...request,
      files,
      limit: limits.exceeded,
      onMachine: (machine) => limits.watch(machine),
    });
    const guest = await restoreOrBoot(context);
    return await mountAll(context, guest, request.network);
  } catch (error) {
    await files.server?.close();
    throw error;
  } finally {
    limits.release();
  }
}

function restoreOrBoot(context: StartContext): Promise<StartedGuest> {
  const { options } = context;
  if (options.from !== undefined) return restoreGuest(context, options.from);
  if (options.cold === true || isColdForced()) return bootGuest(context);
  return startFromTemplate(context);
}

/** Mounts the volumes of a started guest and seals it; kills it when that fails. */
export async function mountAll(
  context: Pick<StartContext, 'options' | 'files' | 'log' | 'limit' | 'templateKey' | 'onFiles'>,
  guest: StartedGuest,
  network: GuestNetwork | null,
): Promise<RunningGuest> {
  const { options, files, log, limit, templateKey } = context;
  const { machine, session, agent, ready, savedChannel } = guest;
  let fuse: FuseServer | null = null;
  try {
    const failure = guestFailure({ machine, session, fuse: null });
    failure.catch(() => undefined);
    const mount = async () => {
      await mountVolumes(options, agent, files, () => files.attach(agent, machine, savedChannel));
      if (files.server !== null) context.onFiles?.(files.server);
      if (options.sandbox?.rootOverlay !== true) await agent.seal();
    };
    const remount = async (directory: string) => {
      const { restoreMounts } = await import('../snapshot/saved-mounts.ts');
      await restoreMounts({ options, log }, directory, machine, (server) => {
        fuse = server;
        context.onFiles?.(server);
      });
    };
    const { from } = options;
    const prepared = Promise.all([ready, from === undefined ? mount() : remount(from)]);
    await Promise.race([prepared, failure, limit]);
    const { kernelRelease, agentVersion } = await agent.hello;
    log('agent', `agent ${agentVersion} on kernel ${kernelRelease}`);
    return {
      machine,
      session,
      agent,
      fuse: fuse ?? files.server,
      kernelRelease,
      templateKey,
      network,
    };
  } catch (error) {
    await machine.kill();
    await (fuse as FuseServer | null)?.close();
    throw error;
  }
}
