import { randomBytes } from 'node:crypto';
import { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestImage } from '../image/guest-image.ts';
import { type Machine, startMachine } from '../machine/start-machine.ts';
import { MuxSession } from '../mux/mux-session.ts';
import { FuseServer } from '../vfs/fuse-server.ts';
import { resolveGuestUser } from './guest-user.ts';
import { memoryBytes, type VMOptions } from './vm-options.ts';

/** TCG on a busy two-core machine needs 3 s; the rest is for slower ones. */
const DEFAULT_BOOT_TIMEOUT_MS = 60_000;
const ENTROPY_BYTES = 256;
const DEFAULT_MEMORY = '512MiB';

interface MemoryPlace {
  readonly sizeBytes: number;
  readonly mode: number;
}

/** The parts of a running VM, wired and mounted. */
export interface BootedGuest {
  readonly machine: Machine;
  readonly session: MuxSession;
  readonly agent: AgentClient;
  /** Null when the VM has no provider mounts. */
  readonly fuse: FuseServer | null;
  readonly kernelRelease: string;
}

export interface BootContext {
  readonly options: VMOptions;
  readonly image: GuestImage;
  readonly log: (component: string, message: string) => void;
}

/** Rejects with whatever ends the machine or breaks a channel; never resolves. */
export function guestFailure(
  guest: Pick<BootedGuest, 'machine' | 'session' | 'fuse'>,
): Promise<never> {
  const fail = (error: GondolinError) => Promise.reject(error);
  const sources: Promise<never>[] = [
    guest.machine.exited.then(() => fail(guest.machine.exitError())),
    guest.session.ended.then((error) => preferExit(guest.machine, error)).then(fail),
  ];
  if (guest.fuse !== null) sources.push(guest.fuse.failed.then(fail));
  return Promise.race(sources);
}

/** When QEMU dies its channels close too, in any order: the death is the reason worth naming. */
async function preferExit(machine: Machine, error: GondolinError): Promise<GondolinError> {
  if (error.code !== 'MUX_CLOSED') return error;
  const grace = new Promise<void>((resolve) => setTimeout(resolve, 1000).unref());
  const exit = await Promise.race([machine.exited, grace]);
  return exit === undefined ? error : machine.exitError();
}

function bootTimeout(machine: Machine, limitMs: number, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => {
      const tail = machine.consoleTail();
      reject(
        new GondolinError('VM_BOOT_TIMEOUT', `guest was not ready after ${limitMs} ms`, {
          details: { console: tail },
        }),
      );
    }, limitMs);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

/**
 * Boots a guest up to "ready for commands": machine, root, identity, mounts. On failure nothing is left running.
 * @throws {GondolinError} VM_BOOT_TIMEOUT, VM_START_ABORTED, MACHINE_…, AGENT_…, GUEST_PROTOCOL.
 */
export async function bootGuest(context: BootContext): Promise<BootedGuest> {
  const { options, image } = context;
  const machine = await startMachine(
    {
      vmlinuxPath: image.vmlinuxPath,
      initramfsPath: image.initramfsPath,
      rootfsPath: image.rootfsPath,
      cpus: options.cpus ?? 1,
      memoryBytes: memoryBytes(options.memory ?? DEFAULT_MEMORY),
    },
    options.signal === undefined ? {} : { signal: options.signal },
  );
  const session = new MuxSession(machine.control);
  const agent = new AgentClient(session);
  const finished = new AbortController();
  let fuse: FuseServer | null = null;
  try {
    const failure = guestFailure({ machine, session, fuse: null });
    failure.catch(() => undefined);
    const limit = bootTimeout(
      machine,
      options.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS,
      finished.signal,
    );
    const aborted = abortion(options.signal, finished.signal);
    const prepared = prepareGuest(context, agent, async (server) => {
      fuse = server;
      await server.start();
      server.attach(machine.fs);
    });
    const kernelRelease = await Promise.race([prepared, failure, limit, aborted]);
    return { machine, session, agent, fuse, kernelRelease };
  } catch (error) {
    await machine.kill();
    await (fuse as FuseServer | null)?.close();
    throw error;
  } finally {
    finished.abort();
  }
}

function abortion(signal: AbortSignal | undefined, finished: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () =>
      reject(new GondolinError('VM_START_ABORTED', 'start of the VM was cancelled'));
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true, signal: finished });
  });
}

async function prepareGuest(
  { options, image, log }: BootContext,
  agent: AgentClient,
  serve: (server: FuseServer) => Promise<void>,
): Promise<string> {
  const { kernelRelease, agentVersion } = await agent.hello;
  log('agent', `hello from agent ${agentVersion} on kernel ${kernelRelease}`);
  await agent.root({ device: '/dev/vda', fsType: image.rootfsType });
  await agent.identity({
    realtimeNs: BigInt(Date.now()) * 1_000_000n,
    hostname: options.hostname ?? 'gondolin',
    entropy: randomBytes(ENTROPY_BYTES),
  });
  await mountAll(options, agent, serve);
  if (options.sandbox?.rootOverlay !== true) await agent.seal();
  return kernelRelease;
}

/** Memory mounts of the options, and the places that programs write to when the root is read-only. */
function memoryMounts(options: VMOptions): (readonly [string, MemoryPlace])[] {
  const own = Object.entries(options.vfs?.memory ?? {});
  const asked = own.map(([path, { sizeBytes }]) => [path, { sizeBytes, mode: 0o755 }] as const);
  if (options.sandbox?.rootOverlay === true) return asked;
  const taken = [...own.map(([path]) => path), ...Object.keys(options.vfs?.mounts ?? {})];
  const half = Math.floor(memoryBytes(options.memory ?? DEFAULT_MEMORY) / 2);
  const scratch = ['/tmp', '/var/tmp'].filter((path) => !taken.includes(path));
  return [...scratch.map((path) => [path, { sizeBytes: half, mode: 0o1777 }] as const), ...asked];
}

/** Mounts parents before what lies below them. */
async function mountAll(
  options: VMOptions,
  agent: AgentClient,
  serve: (server: FuseServer) => Promise<void>,
): Promise<void> {
  const provided = Object.entries(options.vfs?.mounts ?? {});
  const memory = memoryMounts(options);
  if (provided.length + memory.length === 0) return;
  const user = await resolveGuestUser(agent, options.user ?? '');
  const mounts = provided.map(([target, provider], index) => ({
    target,
    name: String(index),
    provider,
  }));
  const steps = [
    ...mounts.map(({ target, name, provider }) => ({
      target,
      mount: () => agent.mountHost({ source: name, target, isReadonly: provider.isReadonly }),
    })),
    ...memory.map(([target, { sizeBytes, mode }]) => ({
      target,
      mount: () => agent.mountMemory({ target, sizeBytes, mode, ...user }),
    })),
  ];
  const work = async () => {
    for (const step of steps.toSorted((a, b) => a.target.length - b.target.length))
      await step.mount();
  };
  if (mounts.length === 0) return work();
  const server = new FuseServer({ mounts, user });
  await serve(server);
  await Promise.race([work(), server.failed.then((error) => Promise.reject(error))]);
}
