import { GondolinError } from '../errors/gondolin-error.ts';
import { resolveDirectories } from '../host/directories.ts';
import type { Plan } from '../plan/plan.ts';
import { type CheckedOverlay, checkChanges } from '../project/overlays/check-changes.ts';
import { HostTarget } from '../project/overlays/host-target.ts';
import { overlayDirectory, readKept } from '../project/overlays/kept-overlay.ts';
import { requestSession } from '../session/client/session-client.ts';
import type { GlobalOptions } from './command-context.ts';
import { listLiveSessions } from './find-session.ts';
import type { CliIo } from './io.ts';
import { openPlan } from './open-project.ts';
import { unknownName, usageError } from './usage-error.ts';

/** The kept changes of a volume, and its directory on the host, open. */
export interface OpenOverlay extends CheckedOverlay {
  readonly target: HostTarget;
}

/** An overlay of the project file. */
interface Volume {
  readonly sandbox: string;
  readonly guestPath: string;
  readonly hostPath: string;
}

function overlaysOf({ sandboxes }: Plan): Volume[] {
  return sandboxes.flatMap(({ name: sandbox, vm }) =>
    vm.mounts.flatMap((mount) =>
      mount.kind === 'host' && mount.overlay !== undefined
        ? [{ sandbox, guestPath: mount.guestPath, hostPath: mount.hostPath }]
        : [],
    ),
  );
}

/** Returns the overlays that `[SANDBOX [VOLUME]]` names; a volume is named by its guest path, from the workspace on if it is relative. */
function chooseVolumes(plan: Plan, operands: readonly string[]): Volume[] {
  const [sandbox, volume, ...rest] = operands;
  if (rest.length > 0) throw usageError('expected a sandbox, and the guest path of a volume of it');
  const all = overlaysOf(plan);
  const ofSandbox = sandbox === undefined ? all : all.filter((one) => one.sandbox === sandbox);
  if (sandbox !== undefined && ofSandbox.length === 0) {
    const names = [...new Set(all.map((one) => one.sandbox))];
    if (!plan.sandboxes.some(({ name }) => name === sandbox)) {
      throw unknownName('sandbox', sandbox, names);
    }
    throw usageError(`sandbox ${sandbox} has no overlay`, 'Write `:overlay` after a volume.');
  }
  if (all.length === 0) {
    throw usageError('the project has no overlay', 'Write `:overlay` after a volume.');
  }
  if (volume === undefined) return ofSandbox;
  const chosen = ofSandbox.filter(
    ({ guestPath }) => guestPath === volume || guestPath.endsWith(`/${volume}`),
  );
  if (chosen.length > 0) return chosen;
  const known = ofSandbox.map(({ guestPath }) => guestPath).join(', ');
  throw usageError(`no overlay at ${volume}`, `Choose one: ${known}.`);
}

/** Lets the VMs of sandboxes that run keep what they have changed so far. @throws {GondolinError} as requestSession */
async function keepRunning(
  io: CliIo,
  { name, directory }: Plan,
  sandboxes: ReadonlySet<string>,
): Promise<void> {
  for (const session of await listLiveSessions(io, {})) {
    const isMeant =
      session.project === name &&
      session.directory === directory &&
      session.state === 'running' &&
      sandboxes.has(session.sandbox ?? '');
    if (isMeant) await requestSession(session.controlDirectory, 'overlays', {}, io.signal);
  }
}

/**
 * Opens what sandboxes have changed in their overlays, those that run now or in their last runs, compared with the host. The caller closes them.
 * @throws {GondolinError} CLI_USAGE, PROJECT_OVERLAY_NOT_FOUND, PROJECT_OVERLAY_DAMAGED, FILES_COPY_FAILED; those of openPlan.
 */
export async function openKeptChanges(
  io: CliIo,
  options: GlobalOptions,
  operands: readonly string[],
): Promise<readonly OpenOverlay[]> {
  const plan = await openPlan(io, options);
  const { overlays: parent } = resolveDirectories(io.env);
  const { name: project, directory } = plan;
  const authority = [...plan.configFiles, ...plan.authorityFiles];
  const volumes = chooseVolumes(plan, operands);
  await keepRunning(io, plan, new Set(volumes.map(({ sandbox }) => sandbox)));
  const opened: OpenOverlay[] = [];
  try {
    for (const { sandbox, guestPath, hostPath } of volumes) {
      const place = overlayDirectory({ parent, project, directory, sandbox, guestPath });
      const overlay = await readKept(place);
      // Those of another directory that the volume had then are not meant.
      if (overlay === null || overlay.hostPath !== hostPath) continue;
      const target = new HostTarget(hostPath);
      try {
        opened.push({ ...(await checkChanges(overlay, place, target, authority)), target });
      } catch (error) {
        target.close();
        throw error;
      }
    }
  } catch (error) {
    for (const { target } of opened) target.close();
    throw error;
  }
  if (opened.length > 0) return opened;
  const named = operands.length === 0 ? 'the overlays of the project' : operands.join(' ');
  throw new GondolinError('PROJECT_OVERLAY_NOT_FOUND', `no changes are kept of ${named}`);
}
