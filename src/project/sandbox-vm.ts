import { join } from 'node:path';
import { NAMES } from '../host/directories.ts';
import { qemuName, requireTool } from '../host/tools.ts';
import { ensureImage } from '../image/ensure-image.ts';
import { archOf } from '../image/recipe.ts';
import { keepCacheSmall } from '../image/trim-cache.ts';
import type { Plan, SandboxPlan } from '../plan/plan.ts';
import { writableMounts } from '../plan/writable-mounts.ts';
import type { FuseServer } from '../vfs/fuse-server.ts';
import type { VfsHookContext } from '../vfs/hooks/vfs-hooks.ts';
import type { VMNetwork } from '../vm/guest-network.ts';
import { readOwnIds } from '../vm/guest-user.ts';
import { dockerfileBuilder } from '../vm/image-build/build-in-vm.ts';
import { setUpInVm } from '../vm/image-setup/set-up-in-vm.ts';
import { type GuestSource, NEW_GUEST } from '../vm/start/guest-source.ts';
import { VM } from '../vm/vm.ts';
import type { SandboxCheckpoints } from './checkpoint/sandbox-checkpoints.ts';
import type { OverlayKeeper } from './overlays/overlay-keeper.ts';
import type { CreateSandboxVm, SandboxVmHooks } from './runner-vm.ts';
import { RunningSandboxes } from './running-sandboxes.ts';
import { reachableSandboxes } from './sandbox-names.ts';
import { sandboxNetwork } from './sandbox-network.ts';
import { SandboxPorts } from './sandbox-ports.ts';
import {
  type SandboxVmOptions,
  sessionRole,
  storedPlaces,
  type VmInputs,
  vmOptionsOf,
} from './sandbox-vm-options.ts';
import { isSavedMachineFault } from './saved-machine-fault.ts';
import { toRunnerVm } from './to-runner-vm.ts';
import type { SandboxVolumes } from './volumes/sandbox-volumes.ts';
import { guardHostCode } from './writable-code.ts';
import { WrittenFiles } from './written-files.ts';

/** Directory of the saved machine that a sandbox starts from, if it is to. */
function savedStart({ sandbox, options: { from } }: VmInputs): string | undefined {
  return from?.sandbox === sandbox.name ? from.directory : undefined;
}

/** Opens the checkpoints of a sandbox; null when it has or uses none. */
async function openCheckpoints(inputs: VmInputs): Promise<SandboxCheckpoints | null> {
  const { plan, sandbox, image, volumes, hooks, options } = inputs;
  const isOff = options.checkpoints === 'off' || savedStart(inputs) !== undefined;
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

/** Makes the workspace of a root on a disk: elsewhere it is a volume. */
async function makeWorkspace({ sandbox: { vm: plan } }: VmInputs, vm: VM): Promise<void> {
  if (plan.root !== 'disk') return;
  const root = vm.filesAs('');
  try {
    const isThere = await root.access(plan.workspace).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await root.mkdir(plan.workspace, { recursive: true });
    const { uid, gid } = await readOwnIds(vm.fs, plan.user);
    await root.chown(plan.workspace, uid, gid);
  } catch (error) {
    await vm.close();
    throw error;
  }
}

/** Copies the trees of a sandbox into a VM that did not come from a saved machine, which has them. */
async function copyIn(inputs: VmInputs, vm: VM): Promise<void> {
  const { sandbox, hooks } = inputs;
  const hasCopies = sandbox.vm.mounts.some(({ kind }) => kind === 'copy');
  if (!hasCopies || savedStart(inputs) !== undefined) return;
  const { copyTreesIn } = await import('./copies/copied-trees.ts');
  const owner = () => readOwnIds(vm.fs, sandbox.vm.user);
  const files = { root: vm.filesAs(''), own: vm.fs, owner };
  try {
    await copyTreesIn(sandbox.vm, files, hooks.signal);
  } catch (error) {
    await vm.close();
    throw error;
  }
}

/** Time for one sync. */
const SYNC_LIMIT_MS = 120_000;

/** Its code is loaded when files change. */
async function syncGuest({ sandbox }: VmInputs, vm: VM, paths: readonly string[]) {
  const { syncTrees } = await import('./copies/sync-trees.ts');
  return syncTrees(sandbox.vm, vm.fs, paths, AbortSignal.timeout(SYNC_LIMIT_MS));
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

function createVm(inputs: VmInputs, from?: string, source: GuestSource = NEW_GUEST): Promise<VM> {
  const { name } = inputs.sandbox;
  const onFileOperation = (done: VfsHookContext) => {
    inputs.written.note(done);
    inputs.options.onFileOperation?.(name, done);
  };
  const onFiles = (server: FuseServer) => void server.watch(onFileOperation);
  // Watched requests have more to do: nobody asks about guests that write to no file of the host.
  const watched: GuestSource =
    writableMounts(inputs.sandbox.vm.mounts).length === 0
      ? source
      : {
          image: source.image,
          start: (request) => source.start({ ...request, onFiles }),
        };
  return VM.createInRole(vmOptionsOf(inputs, from), sessionRole(inputs), watched).catch(
    (error: unknown) => {
      throw inputs.volumes.explain(error);
    },
  );
}

/** Starts from the latest checkpoint that is valid and loads, or without one if there is none. */
async function restoreOrStart(inputs: VmInputs, checkpoints: SandboxCheckpoints | null) {
  const { hooks, options } = inputs;
  for (;;) {
    const isIgnored = options.checkpoints === 'rewrite';
    const found = isIgnored ? null : ((await checkpoints?.find(hooks.maxRestoredSteps)) ?? null);
    if (checkpoints === null || found === null) {
      return { vm: await createVm(inputs, savedStart(inputs)), steps: [] };
    }
    try {
      const vm = await createVm(inputs, found.machineDirectory);
      await checkpoints.use(found);
      return { vm, steps: found.steps };
    } catch (error) {
      if (!isSavedMachineFault(error) || hooks.signal.aborted) throw error;
      await checkpoints.refuse(found.key, error);
    }
  }
}

/** In watch mode each run has its own start. Its code is loaded only then. */
async function startSandbox(inputs: VmInputs, checkpoints: SandboxCheckpoints | null) {
  const reruns = inputs.options.reruns?.of(inputs.sandbox.name);
  if (reruns === undefined) return restoreOrStart(inputs, checkpoints);
  const { startAgain } = await import('./rerun/start-again.ts');
  return startAgain(inputs, checkpoints, reruns, createVm);
}

function reportMissed(
  { sandbox, hooks }: VmInputs,
  checkpoints: SandboxCheckpoints,
  restored: number,
): void {
  const index = sandbox.steps.findIndex((step, at) => at >= restored && step.checkpoint);
  const step = sandbox.steps[index];
  if (step !== undefined) hooks.onCheckpointMissed(step.name, checkpoints.explain(index));
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

/** Loads the code that keeps changes only for a sandbox with overlays. */
async function openKeeper(
  plan: Plan,
  { name: sandbox, vm }: SandboxPlan,
  { stateDirectory }: SandboxVmOptions,
  onWarning: SandboxVmHooks['onWarning'],
): Promise<OverlayKeeper | null> {
  const hasOverlays = vm.mounts.some((mount) => mount.kind === 'host' && mount.overlay);
  if (!hasOverlays || stateDirectory === undefined || plan.configFiles.length === 0) return null;
  const { OverlayKeeper: Keeper } = await import('./overlays/overlay-keeper.ts');
  const { name: project, directory } = plan;
  const parent = join(stateDirectory, NAMES.overlays);
  return new Keeper({ parent, project, directory, sandbox }, onWarning);
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
    // Checked before a minute of building an image, so that a missing QEMU or secret is reported at once.
    requireTool(qemuName(archOf(sandbox.image.recipe) ?? 'x86_64'));
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
    const { rebuildBeforeMs = 0 } = options;
    const building = {
      ...{ cacheDirectory, agentPath, environment, signal },
      ...{ onProgress, onBuilt, rebuildBeforeMs, setUp: setUpInVm, dockerfileBuilder },
      env: options.secretEnvironment,
    };
    const { recipe } = sandbox.image;
    const ensure = () => ensureImage(recipe, building);
    const reruns = options.reruns?.of(sandbox.name);
    const image = await (reruns?.image.use(recipe, ensure) ?? ensure()).catch(
      async (error: unknown) => {
        await ports.close();
        throw error;
      },
    );
    try {
      const volumes = await openVolumes(plan, sandbox, options);
      const keeper = await openKeeper(plan, sandbox, options, hooks.onWarning);
      const written = new WrittenFiles(sandbox.vm.mounts, plan.directory);
      const resources = { image, network, volumes, keeper, written };
      const inputs: VmInputs = { plan, sandbox, ...resources, hooks, options };
      const checkpoints = await openCheckpoints(inputs);
      hooks.onVmStarting();
      const { vm, steps } = await startSandbox(inputs, checkpoints);
      if (steps.length === 0) await makeWorkspace(inputs, vm);
      if (steps.length === 0) await copyIn(inputs, vm);
      running.add(sandbox.name, vm, (paths) => syncGuest(inputs, vm, paths));
      await ports.serve(vm);
      if (checkpoints !== null && options.checkpoints !== 'rewrite') {
        reportMissed(inputs, checkpoints, steps.length);
      }
      await announceSsh(vm, options);
      return toRunnerVm(inputs, vm, checkpoints, steps);
    } catch (error) {
      await ports.close();
      await image.release();
      throw error;
    }
  };
}
