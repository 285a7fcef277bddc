import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { NAMES } from '../host/directories.ts';
import { ensureImage } from '../image/ensure-image.ts';
import type { GuestImage } from '../image/guest-image.ts';
import { keepCacheSmall } from '../image/trim-cache.ts';
import type { OnAsk } from '../net/ask/ask-options.ts';
import type { MountPlan, Plan, SandboxPlan } from '../plan/plan.ts';
import type { SaveSnapshot } from '../session/request-kind.ts';
import type { SessionRole } from '../session/session-role.ts';
import type { VfsProvider } from '../vfs/provider.ts';
import { ReadonlyProvider } from '../vfs/readonly-provider.ts';
import { RealFSProvider } from '../vfs/real-fs-provider.ts';
import type { VMNetwork } from '../vm/guest-network.ts';
import { VM } from '../vm/vm.ts';
import type { MemoryMount, SandboxOptions, VMOptions } from '../vm/vm-options.ts';
import type { Checkpoint } from './checkpoint/checkpoint-store.ts';
import type { SandboxCheckpoints } from './checkpoint/sandbox-checkpoints.ts';
import type { CreateSandboxVm, RunnerVm, SandboxVmHooks } from './runner-vm.ts';
import { RunningSandboxes } from './running-sandboxes.ts';
import { reachableSandboxes } from './sandbox-names.ts';
import { sandboxNetwork } from './sandbox-network.ts';
import { SandboxPorts } from './sandbox-ports.ts';
import type { SandboxVolumes } from './volumes/sandbox-volumes.ts';
import { guardHostCode } from './writable-code.ts';

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
  /** Boots, and restores no saved machine. @default false */
  readonly cold?: boolean;
  /** A directory written by `VM.save` that the sandbox starts from, without checkpoints. */
  readonly from?: string;
  /** Name of the VM for other commands. */
  readonly label?: string;
  /** The VMs that sandboxes reach by name. @default those that the returned function starts */
  readonly running?: RunningSandboxes;
  /** Decides about hosts that the network of a sandbox does not name. */
  readonly onAsk?: OnAsk;
}

/** The inputs for the VM of one sandbox. */
interface VmInputs {
  readonly plan: Plan;
  readonly sandbox: SandboxPlan;
  readonly image: GuestImage;
  readonly network: VMNetwork;
  readonly volumes: SandboxVolumes;
  readonly hooks: SandboxVmHooks;
  readonly options: SandboxVmOptions;
}

/** Creates the providers of host mounts. Files that decide about a run are read-only, so no guest can widen its policy. */
function hostProviders(
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

function memoryMounts(mounts: readonly MountPlan[]): Record<string, MemoryMount> {
  const memory: Record<string, MemoryMount> = {};
  for (const mount of mounts) {
    if (mount.kind === 'memory') memory[mount.guestPath] = { sizeBytes: mount.sizeBytes };
  }
  return memory;
}

function createVm(inputs: VmInputs, from?: string): Promise<VM> {
  const { plan, sandbox, image, network, volumes, hooks, options } = inputs;
  const { name, vm } = sandbox;
  const { configFiles, authorityFiles } = plan;
  const readonlyPaths = [...configFiles, ...authorityFiles, ...(options.readonlyPaths ?? [])];
  const vmOptions: VMOptions = {
    image,
    cpus: vm.cpus,
    memory: vm.memoryBytes,
    env: vm.env,
    user: vm.user,
    cwd: vm.workspace,
    // A sandbox's name may contain underscores, a host name may not.
    hostname: name.replaceAll('_', '-').slice(0, 63),
    vfs: {
      mounts: hostProviders(vm.mounts, readonlyPaths),
      memory: memoryMounts(vm.mounts),
      disks: volumes.disks,
    },
    sandbox: { rootOverlay: vm.root === 'memory', ...options.debug },
    signal: hooks.signal,
    network: options.onAsk === undefined ? network : { ...network, onAsk: options.onAsk },
    onNetworkEvent: hooks.onNetworkEvent,
    onWarning: hooks.onWarning,
    cold: options.cold ?? false,
    ...(from === undefined ? {} : { from }),
    ...(options.label === undefined ? {} : { sessionLabel: options.label }),
  };
  return VM.createInRole(vmOptions, sessionRole(inputs)).catch((error: unknown) => {
    throw volumes.explain(error);
  });
}

/** Shows the VM to other commands as one of its project; one of `gondolin exec` and its kin has none. */
function sessionRole(inputs: VmInputs): SessionRole {
  const { plan, sandbox } = inputs;
  const isOfProject = plan.configFiles.length > 0;
  return {
    ...(isOfProject ? { project: plan.name, sandbox: sandbox.name } : {}),
    directory: plan.directory,
    image: sandbox.image.name,
    saveSnapshot: snapshotSaver(inputs),
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

function storedPlaces({ cacheDirectory, stateDirectory }: SandboxVmOptions) {
  const snapshotsDirectory =
    stateDirectory === undefined ? undefined : join(stateDirectory, NAMES.snapshots);
  return { cacheDirectory, snapshotsDirectory };
}

/** Opens the checkpoints of a sandbox; null when it has or uses none. */
async function openCheckpoints(inputs: VmInputs): Promise<SandboxCheckpoints | null> {
  const { plan, sandbox, image, volumes, hooks, options } = inputs;
  const isOff = options.checkpoints === 'off' || options.from !== undefined;
  if (isOff || !sandbox.steps.some(({ checkpoint }) => checkpoint)) return null;
  const { cacheDirectory } = options;
  const { SandboxCheckpoints: Checkpoints } = await import('./checkpoint/sandbox-checkpoints.ts');
  const { readChainFacts } = await import('./checkpoint/chain-facts.ts');
  const facts = await readChainFacts(sandbox.vm, image, cacheDirectory, volumes.ids);
  return Checkpoints.open({
    plan,
    sandbox,
    facts,
    cacheDirectory,
    onDamaged: hooks.onWarning,
    onSaved: (keep) => keepCacheSmall({ ...storedPlaces(options), keep }, hooks.onWarning),
  });
}

/** True when the saved machine caused the error, not something that any start needs. */
function isSavedMachineFault(error: unknown): error is GondolinError {
  return GondolinError.is(error) && !/^(HOST|IMAGE|VFS|VM_DISK)_/.test(error.code);
}

async function announceSsh(vm: VM, { onSsh }: SandboxVmOptions): Promise<void> {
  if (onSsh === undefined) return;
  try {
    onSsh((await vm.ssh()).command);
  } catch (error) {
    await vm.close();
    throw error;
  }
}

/** Restores the latest checkpoint that is valid and loads; starts without one if there is none. */
async function restoreOrStart(inputs: VmInputs, checkpoints: SandboxCheckpoints | null) {
  const { hooks, options } = inputs;
  for (;;) {
    const isIgnored = options.checkpoints === 'rewrite';
    const found = isIgnored ? null : ((await checkpoints?.find(hooks.maxRestoredSteps)) ?? null);
    if (checkpoints === null || found === null) {
      return { vm: await createVm(inputs, options.from), found: null };
    }
    try {
      const vm = await createVm(inputs, found.machineDirectory);
      await checkpoints.use(found);
      return { vm, found };
    } catch (error) {
      if (!isSavedMachineFault(error) || hooks.signal.aborted) throw error;
      await checkpoints.refuse(found.key, error);
    }
  }
}

function reportMissed(
  { sandbox, hooks }: VmInputs,
  checkpoints: SandboxCheckpoints,
  found: Checkpoint | null,
): void {
  const restored = found?.steps.length ?? 0;
  const index = sandbox.steps.findIndex((step, at) => at >= restored && step.checkpoint);
  const step = sandbox.steps[index];
  if (step !== undefined) hooks.onCheckpointMissed(step.name, checkpoints.explain(index));
}

async function readGuestFile({ fs }: VM, path: string, maxBytes: number, signal: AbortSignal) {
  try {
    return await fs.readFile(path, { maxBytes, signal });
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Wraps a VM for the runner; closing it releases its image. */
function toRunnerVm(
  { image, options }: VmInputs,
  vm: VM,
  checkpoints: SandboxCheckpoints | null,
  found: Checkpoint | null,
): RunnerVm {
  let saving: Promise<unknown> = Promise.resolve();
  return {
    id: vm.id,
    kernelRelease: vm.kernelRelease,
    bootMs: vm.bootMs,
    ended: vm.ended,
    cachedSteps: found?.steps ?? [],
    ports: vm.exposedPorts.map(({ host, port, guestPort }) => ({ host, port, guestPort })),
    exec: (argv, execOptions) => vm.exec(argv, execOptions),
    readFile: (path, maxBytes, signal) => readGuestFile(vm, path, maxBytes, signal),
    save: (directory) => vm.save(directory),
    saveCheckpoint: async (index, results, outputs) => {
      if (checkpoints === null) return { kind: 'off' };
      const isReplacing = options.checkpoints === 'rewrite';
      const save = (directory: string) => vm.save(directory);
      const outcome = checkpoints.save(index, { results, outputs }, save, isReplacing);
      saving = outcome;
      return outcome;
    },
    close: async () => {
      try {
        await vm.close();
        // An abandoned save cleans up once its VM has ended.
        await saving.catch(() => undefined);
      } finally {
        await image.release();
      }
    },
  };
}

/** Loads the code of volumes only for a sandbox that has some. */
async function openVolumes(
  plan: Plan,
  sandbox: SandboxPlan,
  { stateDirectory }: SandboxVmOptions,
): Promise<SandboxVolumes> {
  const hasDisks = sandbox.vm.mounts.some(({ kind }) => kind === 'disk');
  if (!hasDisks) return { disks: {}, ids: {}, explain: (error) => error };
  const { openSandboxVolumes } = await import('./volumes/sandbox-volumes.ts');
  return openSandboxVolumes(plan, sandbox, stateDirectory);
}

/** The proxy of the sandbox serves what is downloaded for its image too. Its code is loaded only for one. */
async function downloadVariables({ upstreamProxy }: VMNetwork): Promise<Record<string, string>> {
  if (upstreamProxy === undefined) return {};
  const { downloadEnvironment } = await import('../net/proxy/download-environment.ts');
  return downloadEnvironment(upstreamProxy);
}

/**
 * Returns the function that starts the VMs of a plan for `runPlan`: it takes the image from the cache or builds it, then
 * starts QEMU with the sandbox's mounts, restored from the latest checkpoint whose steps have not changed.
 */
export function createSandboxVms(plan: Plan, options: SandboxVmOptions): CreateSandboxVm {
  const { cacheDirectory, agentPath } = options;
  const { running = new RunningSandboxes() } = options;
  return async (sandbox: SandboxPlan, hooks: SandboxVmHooks) => {
    const { signal, onImageProgress: onProgress } = hooks;
    const onBuilt = () => keepCacheSmall(storedPlaces(options), hooks.onWarning);
    // Checked before a minute of building an image, so that a missing secret is reported at once.
    const code = await guardHostCode(plan, sandbox, {
      env: options.secretEnvironment,
      directories: [cacheDirectory, ...(options.stateDirectory ? [options.stateDirectory] : [])],
      onWarning: hooks.onWarning,
    });
    const internalHosts = reachableSandboxes(sandbox, plan.sandboxes, (...place) =>
      running.connect(...place),
    );
    const own = await sandboxNetwork(code.sandbox, code.env, signal);
    const network: VMNetwork = { ...own, internalHosts };
    // Opened as early, so that a port that is in use is reported at once.
    const ports = await SandboxPorts.open(sandbox.vm.ports, hooks.onWarning);
    const environment = {
      ...options.environment,
      ...(await downloadVariables(network)),
    };
    const building = { cacheDirectory, agentPath, environment, signal, onProgress, onBuilt };
    const image = await ensureImage(sandbox.image.recipe, building).catch(
      async (error: unknown) => {
        await ports.close();
        throw error;
      },
    );
    try {
      const volumes = await openVolumes(plan, sandbox, options);
      const inputs: VmInputs = { plan, sandbox, image, network, volumes, hooks, options };
      const checkpoints = await openCheckpoints(inputs);
      hooks.onVmStarting();
      const { vm, found } = await restoreOrStart(inputs, checkpoints);
      running.add(sandbox.name, vm);
      await ports.serve(vm);
      if (checkpoints !== null && options.checkpoints !== 'rewrite') {
        reportMissed(inputs, checkpoints, found);
      }
      await announceSsh(vm, options);
      return toRunnerVm(inputs, vm, checkpoints, found);
    } catch (error) {
      await ports.close();
      await image.release();
      throw error;
    }
  };
}
