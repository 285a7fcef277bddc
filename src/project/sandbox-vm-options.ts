import { join } from 'node:path';
import { keptDirectories, NAMES } from '../host/directories.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { OnAsk } from '../net/ask/ask-options.ts';
import type { MountPlan, Plan, SandboxPlan, VmPlan } from '../plan/plan.ts';
import type { SaveSnapshot } from '../session/request-kind.ts';
import type { SessionRole } from '../session/session-role.ts';
import type { VfsHookContext } from '../vfs/hooks/vfs-hooks.ts';
import { MemoryProvider } from '../vfs/memory-provider.ts';
import { OverlayProvider } from '../vfs/overlay-provider.ts';
import type { VfsProvider } from '../vfs/provider.ts';
import { ReadonlyProvider } from '../vfs/readonly-provider.ts';
import { RealFSProvider } from '../vfs/real-fs-provider.ts';
import { createShadowPathPredicate, ShadowProvider } from '../vfs/shadow-provider.ts';
import { startDirectory } from '../vm/container-options.ts';
import type { VMNetwork } from '../vm/guest-network.ts';
import type { MemoryMount, SandboxOptions, VMOptions } from '../vm/vm-options.ts';
import type { ArtifactsDirectory } from './artifacts.ts';
import type { OverlayKeeper } from './overlays/overlay-keeper.ts';
import type { Reruns } from './rerun/reruns.ts';
import type { SandboxVmHooks } from './runner-vm.ts';
import type { RunningSandboxes } from './running-sandboxes.ts';
import type { SandboxVolumes } from './volumes/sandbox-volumes.ts';
import type { WrittenFiles } from './written-files.ts';

/** A saved machine and the sandbox that starts from it. */
export interface SavedStart {
  readonly sandbox: string;
  /** Written by `VM.save`. */
  readonly directory: string;
}

export interface SandboxVmOptions {
  /** Base directory of gondolin's cache. */
  readonly cacheDirectory: string;
  /** Base directory of gondolin's state, which no guest may write. */
  readonly stateDirectory?: string;
  /** Path of the static guest agent. */
  readonly agentPath: string;
  /** Host files that no guest may change, in addition to the project's own. */
  readonly readonlyPaths?: readonly string[];
  /** Environment of the tools that build images, such as `http_proxy`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Host environment that secrets may be read from. */
  readonly secretEnvironment: Readonly<Record<string, string | undefined>>;
  /** Opens each VM for SSH clients, and gets the command that logs in. */
  readonly onSsh?: (command: string) => void;
  /** Which components of a VM log, and where. */
  readonly debug?: Required<Pick<SandboxOptions, 'debug' | 'debugLog'>>;
  /** `rewrite` restores none and replaces all; `off` neither restores nor saves. @default 'use' */
  readonly checkpoints?: 'use' | 'rewrite' | 'off';
  /** Builds images again that are older, in milliseconds since 1970: see `EnsureImageOptions`. @default never */
  readonly rebuildBeforeMs?: number;
  /** Boots, and restores no saved machine. @default false */
  readonly cold?: boolean;
  /** The saved machine that one of the sandboxes starts from, without checkpoints. */
  readonly from?: SavedStart;
  /** Name of the VM for other commands. */
  readonly label?: string;
  /** A VM whose command has ended waits until it is stopped. @default false */
  readonly isHeld?: boolean;
  /** Takes the artifacts of the sandboxes. @default they are not copied */
  readonly artifacts?: ArtifactsDirectory;
  /** Decides about hosts that the network of a sandbox does not name. */
  readonly onAsk?: OnAsk;
  /** Starts again and again from saved machines: see `Reruns`. */
  readonly reruns?: Reruns;
  /** The sandboxes that others reach by their names. @default those of this plan's VMs */
  readonly running?: RunningSandboxes;
  /** Receives each operation of a guest on its volumes. Must not throw. */
  readonly onFileOperation?: (sandbox: string, operation: VfsHookContext) => void;
}

/** The inputs for the VM of one sandbox. */
export interface VmInputs {
  readonly plan: Plan;
  readonly sandbox: SandboxPlan;
  readonly image: GuestImage;
  readonly network: VMNetwork;
  readonly volumes: SandboxVolumes;
  /** Keeps the changes of its overlays; null without any, and outside of a project. */
  readonly keeper: OverlayKeeper | null;
  /** Notes what the guest writes to files of the host. */
  readonly written: WrittenFiles;
  readonly hooks: SandboxVmHooks;
  readonly options: SandboxVmOptions;
}

function hostProvider(
  { hostPath, guestPath, isReadonly, overlay, xattrs }: Extract<MountPlan, { kind: 'host' }>,
  readonlyPaths: readonly string[],
  keeper: OverlayKeeper | null,
): VfsProvider {
  const extendedAttributes = xattrs === true;
  if (isReadonly) return new ReadonlyProvider(new RealFSProvider(hostPath, { extendedAttributes }));
  const files = new RealFSProvider(hostPath, { readonlyPaths, extendedAttributes });
  if (overlay === undefined) return files;
  const changed = new MemoryProvider({ maxBytes: overlay.sizeBytes, extendedAttributes });
  const provider = new OverlayProvider(changed, files);
  keeper?.watch({ guestPath, hostPath }, provider);
  return provider;
}

/** The directory in which steps and the service start, unless they name their own. */
export function directoryOf({
  sandbox: { vm },
  image,
}: Pick<VmInputs, 'sandbox' | 'image'>): string {
  // Memory there is what every sandbox has that mounts nothing.
  const guestPaths = vm.mounts
    .filter(({ kind, guestPath }) => kind !== 'memory' || guestPath !== vm.workspace)
    .map(({ guestPath }) => guestPath);
  return startDirectory(vm.workspace, guestPaths, image.container);
}

/** Creates the providers of host mounts. Files that decide about a run are read-only, so no guest can widen its policy. */
function hostProviders(
  { mounts, hide }: VmPlan,
  readonlyPaths: readonly string[],
  keeper: OverlayKeeper | null,
): Record<string, VfsProvider> {
  const shouldShadow = hide.length === 0 ? null : createShadowPathPredicate(hide);
  const providers: Record<string, VfsProvider> = {};
  for (const mount of mounts) {
    if (mount.kind !== 'host') continue;
    const provider = hostProvider(mount, readonlyPaths, keeper);
    providers[mount.guestPath] =
      shouldShadow === null ? provider : new ShadowProvider(provider, { shouldShadow });
  }
  return providers;
}

function memoryMounts(mounts: readonly MountPlan[]): Record<string, MemoryMount> {
  const memory: Record<string, MemoryMount> = {};
  for (const mount of mounts) {
    if (mount.kind === 'memory') memory[mount.guestPath] = { sizeBytes: mount.sizeBytes };
  }
  return memory;
}

function rootOptions({
  root,
  diskBytes,
}: VmPlan): Pick<SandboxOptions, 'rootOverlay' | 'rootDisk'> {
  const isWritable = { rootOverlay: root !== 'readonly' };
  return root === 'disk' ? { ...isWritable, rootDisk: diskBytes } : isWritable;
}

/** Returns the options of a sandbox's VM. @param from  Directory of a saved machine. */
export function vmOptionsOf(inputs: VmInputs, from?: string): VMOptions {
  const { plan, sandbox, image, network, volumes, hooks, options } = inputs;
  const { name, vm } = sandbox;
  const { configFiles, authorityFiles } = plan;
  const readonlyPaths = [...configFiles, ...authorityFiles, ...(options.readonlyPaths ?? [])];
  return {
    image,
    cpus: vm.cpus,
    memory: vm.memoryBytes,
    env: vm.env,
    user: vm.user,
    cwd: directoryOf(inputs),
    // A sandbox's name may contain underscores, a host name may not.
    hostname: name.replaceAll('_', '-').slice(0, 63),
    vfs: {
      mounts: hostProviders(vm, readonlyPaths, inputs.keeper),
      memory: memoryMounts(vm.mounts),
      disks: volumes.disks,
    },
    sandbox: { ...rootOptions(vm), ...options.debug },
    signal: hooks.signal,
    network: options.onAsk === undefined ? network : { ...network, onAsk: options.onAsk },
    onNetworkEvent: hooks.onNetworkEvent,
    onWarning: hooks.onWarning,
    cold: options.cold ?? false,
    ...(from === undefined ? {} : { from }),
    ...(options.label === undefined ? {} : { sessionLabel: options.label }),
  };
}

/** Shows the VM to other commands as one of its project; a VM of `gondolin exec` or a similar command has none. */
export function sessionRole(inputs: VmInputs): SessionRole {
  const { plan, sandbox, keeper } = inputs;
  const isOfProject = plan.configFiles.length > 0;
  return {
    ...(isOfProject ? { project: plan.name, sandbox: sandbox.name } : {}),
    directory: plan.directory,
    image: sandbox.image.name,
    saveSnapshot: snapshotSaver(inputs),
    ...(keeper === null ? {} : { keepOverlays: () => keeper.keepNow() }),
  };
}

/** Loads the code of snapshots when one is saved. */
function snapshotSaver({ plan, sandbox, hooks, options }: VmInputs): SaveSnapshot {
  return async (request, save) => {
    const { saveSnapshot } = await import('./snapshot/save-snapshot.ts');
    const facts = { plan, sandbox, ...request };
    return saveSnapshot(facts, storedPlaces(options), save, hooks.onWarning);
  };
}

/** The directories of what is saved. */
export function storedPlaces({ cacheDirectory, stateDirectory }: SandboxVmOptions) {
  if (stateDirectory === undefined) {
    return { cacheDirectory, snapshotsDirectory: undefined, keptDirectories: [] };
  }
  const snapshotsDirectory = join(stateDirectory, NAMES.snapshots);
  const taggedImages = join(stateDirectory, NAMES.taggedImages);
  const kept = keptDirectories({ snapshots: snapshotsDirectory, taggedImages });
  return { cacheDirectory, snapshotsDirectory, keptDirectories: kept };
}
