import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { chooseAccelerator } from '../host/accelerator.ts';
import { isColdForced } from '../host/cold-start.ts';
import { type Directories, resolveDirectories } from '../host/directories.ts';
import { tryLockDirectory } from '../host/directory-lock.ts';
import { requireTool } from '../host/tools.ts';
import type { MachineSpec } from '../machine/machine-spec.ts';
import type { Machine, StartMachineOptions } from '../machine/start-machine.ts';
import type { BootContext } from './boot.ts';
import { guestFailure } from './guest-failure.ts';
import type { GuestFiles } from './guest-files.ts';
import { hasStandardScratch, mountStandardScratch } from './mount-all.ts';
import { machineIdentity } from './snapshot/machine-identity.ts';
import { openSavedMachine, refused, type SavedMachine } from './snapshot/saved-machine.ts';
import { TemplateStore } from './snapshot/template-store.ts';
import { bootMachine, identityFor, restoreMachine, type StartedGuest } from './start-guest.ts';
import { DEFAULT_MEMORY, memoryBytes } from './vm-options.ts';

/** Twenty machines at once on two cores need 5 s each. */
const RESTORE_LIMIT_MS = 30_000;

export interface StartContext extends BootContext {
  /** Rejects when the start took too long or was cancelled. */
  readonly limit: Promise<never>;
  readonly onMachine: (machine: Machine) => void;
  readonly files: GuestFiles;
}

/** A started guest, with what names its kind for `save`. */
export type SavableGuest = StartedGuest & { readonly machineKey: string };

interface Start {
  readonly context: StartContext;
  readonly spec: MachineSpec;
  readonly machineOptions: StartMachineOptions;
  /** Names everything that must be the same where a saved machine is restored. */
  readonly machineKey: string;
  readonly templates: TemplateStore;
  readonly directories: Directories;
}

/**
 * A guest with its root and an identity of its own: restored from the template of its kind, which the first start makes,
 * or booted. A template that does not load is removed with a warning, and the start goes on without.
 */
export async function startGuest(context: StartContext): Promise<SavableGuest> {
  const start = await describeStart(context, resolveDirectories());
  return { ...(await startAny(start)), machineKey: start.machineKey };
}

async function startAny(start: Start): Promise<StartedGuest> {
  const { options } = start.context;
  if (options.from !== undefined) return restoreSaved(start, options.from);
  if (options.cold === true || isColdForced()) return bootCold(start);
  const warm = await restoreTemplate(start);
  if (warm !== null) return warm;
  const lock = await start.templates.lock(start.machineKey, options.signal);
  try {
    // Another gondolin may have made it while this one waited.
    return (await restoreTemplate(start)) ?? (await bootAndSave(start));
  } finally {
    lock.release();
  }
}

async function describeStart(context: StartContext, directories: Directories): Promise<Start> {
  const { options, image } = context;
  const qemu = requireTool('qemu-system-x86_64');
  const probe = { qemu, cacheDirectory: directories.cache };
  const { accelerator } = await chooseAccelerator(probe);
  const cpus = options.cpus ?? 1;
  const bytes = memoryBytes(options.memory ?? DEFAULT_MEMORY);
  return {
    context,
    spec: {
      vmlinuxPath: image.vmlinuxPath,
      initramfsPath: image.initramfsPath,
      rootfsPath: image.rootfsPath,
      cpus,
      memoryBytes: bytes,
    },
    machineOptions: {
      accelerator,
      directories,
      onSpawned: () => context.files.preload(),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
    machineKey: machineIdentity({
      ...{ image, cpus, memoryBytes: bytes, accelerator, qemu },
      hasScratch: hasStandardScratch(options),
      trustKey: context.network?.trustKey ?? null,
    }),
    templates: new TemplateStore(directories.templates),
    directories,
  };
}

async function bootCold({ context, spec, machineOptions }: Start): Promise<StartedGuest> {
  const guest = await bootMachine(
    ...([spec, context.image.rootfsType, context.network, machineOptions] as const),
  );
  context.onMachine(guest.machine);
  const ready = guest.ready.then(async (hello) => {
    await prepare(context, guest.agent);
    await guest.agent.identity(identityFor(context.options));
    return hello;
  });
  ready.catch(() => undefined);
  return untilReady(context, { ...guest, ready });
}

/** What all guests of a kind have in common, before any is anyone's. */
async function prepare({ options, network }: StartContext, agent: AgentClient): Promise<void> {
  await network?.install(agent);
  if (hasStandardScratch(options)) await mountStandardScratch(options, agent);
}

/** Waits for `ready`; kills the machine when that fails. */
async function untilReady(context: StartContext, guest: StartedGuest): Promise<StartedGuest> {
  const { machine, session, ready } = guest;
  const failure = guestFailure({ machine, session, fuse: null });
  failure.catch(() => undefined);
  try {
    await Promise.race([ready, failure, context.limit]);
    return guest;
  } catch (error) {
    await machine.kill();
    throw error;
  }
}

async function restoreTemplate(start: Start): Promise<StartedGuest | null> {
  const { context, templates, machineKey } = start;
  try {
    const open = () => templates.open(machineKey);
    return await restoreHeld(start, templates.directoryOf(machineKey), open);
  } catch (error) {
    const isOfTemplate =
      GondolinError.is(error) && /^(MACHINE|SNAPSHOT|AGENT|MUX|GUEST)_/.test(error.code);
    if (!isOfTemplate || context.options.signal?.aborted === true) throw error;
    context.options.onWarning?.(
      `the saved machine for a warm start does not load, starting cold: ${error.message.split('\n')[0]}`,
    );
    await templates.discard(machineKey);
    return null;
  }
}

async function restoreSaved(start: Start, directory: string): Promise<StartedGuest> {
  const open = () => openSavedMachine(directory, start.machineKey);
  let guest: StartedGuest | null;
  try {
    guest = await restoreHeld(start, directory, open);
  } catch (cause) {
    const isOfMachine = GondolinError.is(cause) && cause.code.startsWith('MACHINE_');
    throw isOfMachine ? refused(directory, cause.message, cause) : cause;
  }
  if (guest === null) throw refused(directory, 'there is none');
  return guest;
}

/** Restores what `open` finds, which nobody removes to save space while the machine runs. Null when there is none. */
async function restoreHeld(
  start: Start,
  directory: string,
  open: () => Promise<SavedMachine | null>,
): Promise<StartedGuest | null> {
  const hold = tryLockDirectory(directory, 'shared');
  if (hold === null) return null;
  try {
    const saved = await open();
    const guest = saved === null ? null : await restore(start, saved);
    if (guest === null) hold.release();
    else void guest.machine.exited.then(() => hold.release());
    return guest;
  } catch (error) {
    hold.release();
    throw error;
  }
}

async function restore(start: Start, saved: SavedMachine): Promise<StartedGuest> {
  const { context, spec, machineOptions } = start;
  const identity = () => identityFor(context.options);
  const guest = await restoreMachine(
    ...([spec, saved, identity, context.network, machineOptions] as const),
  );
  context.onMachine(guest.machine);
  context.log('vm', `restored from ${saved.ramPath}`);
  const limit = AbortSignal.timeout(RESTORE_LIMIT_MS);
  const late = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () =>
      reject(new GondolinError('SNAPSHOT_REFUSED', 'the restored guest does not answer')),
    );
  });
  late.catch(() => undefined);
  const ready = Promise.race([guest.ready, late]);
  ready.catch(() => undefined);
  return untilReady(context, { ...guest, ready });
}

/** Boots, saves the machine before it is anyone's, and goes on with it. */
async function bootAndSave(start: Start): Promise<StartedGuest> {
  const { context, spec, machineOptions, templates, machineKey } = start;
  const guest = await bootMachine(
    ...([spec, context.image.rootfsType, context.network, machineOptions] as const),
  );
  context.onMachine(guest.machine);
  const ready = guest.ready.then(async (hello) => {
    await prepare(context, guest.agent);
    const { settle } = await import('./snapshot/settle.ts');
    const { saveTemplate } = await import('./snapshot/save-template.ts');
    await settle(guest.agent);
    await context.files.warm(guest.agent, guest.machine);
    const { imageTitle } = await import('../image/recipe.ts');
    const { keepCacheSmall } = await import('../image/trim-cache.ts');
    const title = imageTitle(context.image.recipe);
    const onWarning = (message: string) => context.options.onWarning?.(message);
    await saveTemplate(
      { ...guest, fuse: context.files.server, templates, machineKey, imageTitle: title },
      () => identityFor(context.options),
      onWarning,
    );
    const { cache, snapshots } = start.directories;
    const places = { cacheDirectory: cache, snapshotsDirectory: snapshots };
    await keepCacheSmall({ ...places, keep: [machineKey] }, onWarning);
    return hello;
  });
  ready.catch(() => undefined);
  return untilReady(context, { ...guest, ready });
}
