import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { Machine } from '../machine/start-machine.ts';
import type { FuseServer } from '../vfs/fuse-server.ts';
import { type GuestParts, guestFailure } from './guest-failure.ts';
import { GuestFiles } from './guest-files.ts';
import type { GuestNetwork } from './guest-network.ts';
import { mountAll } from './mount-all.ts';
import { type SavableGuest, startGuest } from './start-or-restore.ts';
import type { VMOptions } from './vm-options.ts';

/** TCG on a busy two-core machine needs 3 s; the rest is for slower ones. */
const DEFAULT_BOOT_TIMEOUT_MS = 60_000;

/** The parts of a running VM, wired and mounted. */
export interface BootedGuest extends GuestParts {
  readonly agent: AgentClient;
  readonly kernelRelease: string;
  readonly machineKey: string;
  /** Null when the VM has none. */
  readonly network: GuestNetwork | null;
}

export interface BootContext {
  readonly options: VMOptions;
  readonly image: GuestImage;
  readonly network: GuestNetwork | null;
  readonly log: (component: string, message: string) => void;
}

/** Rejects when the time is up or the start is cancelled; `release` before either. */
function startLimits(options: VMOptions): {
  readonly exceeded: Promise<never>;
  watch(machine: Machine): void;
  release(): void;
} {
  const limitMs = options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS;
  const finished = new AbortController();
  let machine: Machine | null = null;
  const exceeded = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => {
      const facts = { details: { console: machine?.consoleTail() ?? '' } };
      reject(
        new GondolinError('VM_BOOT_TIMEOUT', `guest was not ready after ${limitMs} ms`, facts),
      );
    }, limitMs);
    finished.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    const abort = () =>
      reject(new GondolinError('VM_START_ABORTED', 'start of the VM was cancelled'));
    if (options.signal?.aborted === true) abort();
    options.signal?.addEventListener('abort', abort, { once: true, signal: finished.signal });
  });
  exceeded.catch(() => undefined);
  return {
    exceeded,
    watch: (started) => {
      machine = started;
    },
    release: () => finished.abort(),
  };
}

/**
 * Starts a guest up to "ready for commands": machine, root, identity, mounts. On failure nothing is left running.
 * @throws {GondolinError} VM_BOOT_TIMEOUT, VM_START_ABORTED, MACHINE_…, AGENT_…, GUEST_PROTOCOL.
 */
export async function bootGuest(context: BootContext): Promise<BootedGuest> {
  const { options } = context;
  const limits = startLimits(options);
  const files = new GuestFiles(options);
  try {
    const guest = await startGuest({
      ...{ ...context, files },
      limit: limits.exceeded,
      onMachine: (machine) => limits.watch(machine),
    });
    return await finish(context, guest, files, limits.exceeded);
  } catch (error) {
    await files.server?.close();
    throw error;
  } finally {
    limits.release();
  }
}

/** Mounts and seals a guest that was started; kills it when that fails. */
async function finish(
  { options, network, log }: BootContext,
  { machine, session, agent, ready, machineKey, carried }: SavableGuest,
  files: GuestFiles,
  limit: Promise<never>,
): Promise<BootedGuest> {
  let fuse: FuseServer | null = null;
  try {
    const failure = guestFailure({ machine, session, fuse: null });
    failure.catch(() => undefined);
    const mount = async () => {
      await mountAll(options, agent, files, () => files.attach(agent, machine, carried));
      if (options.sandbox?.rootOverlay !== true) await agent.seal();
    };
    const remount = async (directory: string) => {
      const { restoreMounts } = await import('./snapshot/saved-mounts.ts');
      await restoreMounts(options, directory, machine, (server) => {
        fuse = server;
      });
    };
    const { from } = options;
    const prepared = Promise.all([ready, from === undefined ? mount() : remount(from)]);
    const [{ kernelRelease, agentVersion }] = await Promise.race([prepared, failure, limit]);
    log('agent', `agent ${agentVersion} on kernel ${kernelRelease}`);
    return {
      machine,
      session,
      agent,
      fuse: fuse ?? files.server,
      kernelRelease,
      machineKey,
      network,
    };
  } catch (error) {
    await machine.kill();
    await (fuse as FuseServer | null)?.close();
    throw error;
  }
}
