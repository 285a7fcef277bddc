import { GondolinError } from '../../errors/gondolin-error.ts';
import { isColdForced } from '../../host/cold-start.ts';
import { setClock } from '../clock-keeper.ts';
import { guestFailure } from '../guest-failure.ts';
import { GuestFiles } from '../guest-files.ts';
import type { NormalVMOptions } from '../normalize-options.ts';
import { type AcquiredImage, resolveImage } from '../resolve-image.ts';
import type { DebugLog, VMOptions } from '../vm-options.ts';
import { createCloneIdentity } from './clone-identity.ts';
import { bootGuest } from './cold.ts';
import { restoreGuest } from './restore.ts';
import { mountAll, type RunningGuest } from './start.ts';
import { createStartContext, type StartContext, type StartRequest } from './start-context.ts';
import { startLimits } from './start-limits.ts';
import type { StartedGuest } from './started-guest.ts';
import { restoreTemplate, startFromTemplate } from './template.ts';
import { openTrust } from './trust.ts';
import { tryOut } from './warm-up.ts';

/** A clock that took longer to set may be wrong by as much. */
const MAX_IDENTITY_MS = 35;

export interface SpareOptions {
  /** With `from`, the saved machine is restored, and its processes stay frozen until it becomes a VM. */
  readonly options: NormalVMOptions;
  /** Run one after another, as root, before it waits. */
  readonly warmUp: readonly (readonly string[])[];
  readonly log: DebugLog;
}

/**
 * A machine that was started and has run its first commands, and waits to become a VM: it has no mounts, its root is not
 * sealed, and each connection that it opens is refused. Node does not wait for it.
 */
export interface Spare {
  readonly guest: StartedGuest;
  readonly image: AcquiredImage;
  /** Names the certificates that its guest trusts: see `GuestNetwork.trustKey`. Null when nothing was installed. */
  readonly trustKey: string | null;
  /** The key of the VM that it becomes, by the certificates that its guest then trusts. */
  readonly templateKeyWith: (trustKey: string | null) => string;
  /** A restored machine: what ran in it when it was saved continues when it becomes a VM. */
  readonly isFrozen: boolean;
  /** Rejects with the error that ends it while it waits. */
  readonly failure: Promise<never>;
  /** Ends it, unless it has become a VM. May be called twice. */
  end(): Promise<void>;
}

/**
 * Starts a spare machine. On failure nothing keeps running.
 * @throws {GondolinError} as `VM.create`.
 */
export async function startSpare(spare: SpareOptions): Promise<Spare> {
  const image = releasedOnce(await resolveImage(spare.options));
  const limits = startLimits(spare.options);
  try {
    const trust = await openTrust(spare.options);
    const { log } = spare;
    const context = await createStartContext({
      options: spare.options,
      image: image.image,
      network: trust,
      log,
      files: new GuestFiles(spare.options, log),
      limit: limits.exceeded,
      onMachine: (machine) => limits.watch(machine),
    });
    const { from } = spare.options;
    const guest = await (from === undefined
      ? startUnmounted(context)
      : restoreGuest(context, from));
    const failure = guestFailure({ ...guest, fuse: null });
    failure.catch(() => undefined);
    try {
      const warm = warmed(guest, spare.warmUp, from !== undefined);
      await Promise.race([warm, failure, limits.exceeded]);
    } catch (error) {
      await guest.machine.kill();
      throw error;
    }
    guest.machine.keepAlive(false);
    const end = async () => {
      // Who awaits this must not be the last thing that Node waits for.
      guest.machine.keepAlive(true);
      await guest.machine.kill();
      await image.release();
    };
    const trustKey = trust?.trustKey ?? null;
    // For nearly all VMs that it may become: computed while nobody waits.
    const { templateKey } = context;
    const templateKeyWith = (key: string | null) =>
      key === trustKey ? templateKey : context.templateKeyWith(key);
    const isFrozen = from !== undefined;
    return { guest, image, trustKey, templateKeyWith, isFrozen, failure, end };
  } catch (error) {
    await image.release();
    throw error;
  } finally {
    limits.release();
  }
}

/** Its spare and its VM both release it. */
function releasedOnce({ image, release }: AcquiredImage): AcquiredImage {
  let released: Promise<void> | undefined;
  return {
    image,
    release: () => {
      released ??= release();
      return released;
    },
  };
}

/** The guest that became the template has a file server without mounts, which cannot be replaced: another one is started. */
async function startUnmounted(context: StartContext): Promise<StartedGuest> {
  if (context.options.cold === true || isColdForced()) return bootGuest(context);
  const guest = await startFromTemplate(context);
  const { server } = context.files;
  if (server === null) return guest;
  await guest.machine.kill();
  await server.close();
  const next = { ...context, files: new GuestFiles(context.options, context.log) };
  return (await restoreTemplate(next)) ?? (await bootGuest(next));
}

async function warmed(
  guest: StartedGuest,
  commands: SpareOptions['warmUp'],
  isFreezing: boolean,
): Promise<void> {
  await guest.ready;
  for (const argv of commands) await tryOut(guest.agent, [...argv]);
  if (isFreezing) await guest.agent.freeze();
}

/**
 * Makes a spare machine the VM of a request: gives it a new identity and the present time, its network and its mounts, and
 * seals its root. On failure it has ended.
 * @throws {GondolinError} VM_BAD_OPTION when it trusts other certificates than the request's network shows; as `VM.create`.
 */
export async function handOver(spare: Spare, request: StartRequest): Promise<RunningGuest> {
  const { options, network, log } = request;
  const { machine, session, agent } = spare.guest;
  const limits = startLimits(options);
  limits.watch(machine);
  const files = new GuestFiles(options, log);
  machine.keepAlive(true);
  try {
    checkTrust(spare, network);
    request.onSpawned?.();
    files.preload();
    network?.register(session, machine);
    const identified = identify(spare, options);
    identified.catch(() => undefined);
    if (network !== null && spare.trustKey === null) {
      await Promise.race([network.install(agent), spare.failure, limits.exceeded]);
    }
    const ready = identified.then(async () => void (await agent.hello));
    ready.catch(() => undefined);
    // What a copy of it is restored with: it may have the network that its spare had not.
    const templateKey = spare.templateKeyWith(network?.trustKey ?? null);
    const { onFiles } = request;
    const context = {
      ...{ options, files, log, limit: limits.exceeded, templateKey },
      ...(onFiles === undefined ? {} : { onFiles }),
    };
    return await mountAll(context, { ...spare.guest, ready }, network);
  } catch (error) {
    await machine.kill();
    await files.server?.close();
    throw error;
  } finally {
    limits.release();
  }
}

/** The identity is the first request: all that follow find it set. */
async function identify({ guest, isFrozen }: Spare, options: VMOptions): Promise<void> {
  const { agent } = guest;
  const sentAt = performance.now();
  const identity = createCloneIdentity(options);
  await (isFrozen ? agent.thaw(identity, false) : agent.identity(identity));
  if (performance.now() - sentAt > MAX_IDENTITY_MS) await setClock(agent);
}

function checkTrust({ trustKey }: Spare, network: StartRequest['network']): void {
  if (trustKey === null || trustKey === network?.trustKey) return;
  throw new GondolinError(
    'VM_BAD_OPTION',
    'the VMs of this pool trust different certificates or SSH hosts than this network',
    {
      hint: 'Give `ca` and `ssh` to VM.pool(), or to VM.pool() no network and all of it to acquire().',
    },
  );
}
