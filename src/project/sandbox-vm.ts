import { ensureImage } from '../image/ensure-image.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { MountPlan, Plan, SandboxPlan } from '../plan/plan.ts';
import type { VfsProvider } from '../vfs/provider.ts';
import { ReadonlyProvider } from '../vfs/readonly-provider.ts';
import { RealFSProvider } from '../vfs/real-fs-provider.ts';
import { VM } from '../vm/vm.ts';
import type { MemoryMount, SandboxOptions } from '../vm/vm-options.ts';
import type { CreateSandboxVm, RunnerVm, SandboxVmHooks } from './runner-vm.ts';

export interface SandboxVmOptions {
  /** Base of gondolin's cache. */
  readonly cacheDirectory: string;
  /** The static guest agent. */
  readonly agentPath: string;
  /** Files of the host that no guest may change, besides the project's own. */
  readonly readonlyPaths?: readonly string[];
  /** For the tools that build images, e.g. `http_proxy`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Which parts of a VM log, and where to. */
  readonly debug?: Required<Pick<SandboxOptions, 'debug' | 'debugLog'>>;
}

/** The project file and its includes stay read-only in every guest: a guest must not widen its own policy. */
function providersOf(
  mounts: readonly MountPlan[],
  readonlyPaths: readonly string[],
): Record<string, VfsProvider> {
  const providers: Record<string, VfsProvider> = {};
  for (const mount of mounts) {
    if (mount.kind !== 'host') continue;
    providers[mount.guestPath] = mount.isReadonly
      ? new ReadonlyProvider(mount.hostPath)
      : new RealFSProvider(mount.hostPath, { readonlyPaths });
  }
  return providers;
}

function memoryOf(mounts: readonly MountPlan[]): Record<string, MemoryMount> {
  const memory: Record<string, MemoryMount> = {};
  for (const mount of mounts) {
    if (mount.kind === 'memory') memory[mount.guestPath] = { sizeBytes: mount.sizeBytes };
  }
  return memory;
}

function bootVm(
  { name, vm }: SandboxPlan,
  readonlyPaths: readonly string[],
  image: GuestImage,
  { signal, onNetworkEvent, onVmWarning }: SandboxVmHooks,
  debug: SandboxVmOptions['debug'],
): Promise<VM> {
  return VM.create({
    image,
    cpus: vm.cpus,
    memory: vm.memoryBytes,
    env: vm.env,
    user: vm.user,
    cwd: vm.workspace,
    // Underscores are fine in a sandbox's name and not in a host's.
    hostname: name.replaceAll('_', '-').slice(0, 63),
    vfs: { mounts: providersOf(vm.mounts, readonlyPaths), memory: memoryOf(vm.mounts) },
    sandbox: { rootOverlay: vm.root === 'memory', ...debug },
    signal,
    onNetworkEvent,
    onWarning: onVmWarning,
  });
}

/** A VM that gives its image back when it is closed. */
function withImage(vm: VM, image: GuestImage): RunnerVm {
  return {
    kernelRelease: vm.kernelRelease,
    bootMs: vm.bootMs,
    ended: vm.ended,
    exec: (argv, options) => vm.exec(argv, options),
    close: async () => {
      try {
        await vm.close();
      } finally {
        await image.release();
      }
    },
  };
}

/** Makes the VMs of a plan for `runPlan`: image from the cache or built, then QEMU with the sandbox's mounts. */
export function sandboxVmsOf(plan: Plan, options: SandboxVmOptions): CreateSandboxVm {
  const { debug, readonlyPaths = [], ...imageOptions } = options;
  const unwritable = [...plan.configFiles, ...readonlyPaths];
  return async (sandbox: SandboxPlan, hooks: SandboxVmHooks) => {
    const { signal, onImageProgress: onProgress } = hooks;
    const image = await ensureImage(sandbox.image.recipe, { ...imageOptions, signal, onProgress });
    try {
      hooks.onVmStarting();
      return withImage(await bootVm(sandbox, unwritable, image, hooks, debug), image);
    } catch (error) {
      await image.release();
      throw error;
    }
  };
}
