import { GondolinError } from '../../errors/gondolin-error.ts';
import type { MountPlan, Plan } from '../../plan/plan.ts';
import { formatBytes } from '../../util/quantities.ts';
import type { SnapshotFacts } from './snapshot-facts.ts';

/** Describes what must be equal in a volume, which the guest has mounted. Its host directory may differ. */
function describeVolume(mount: MountPlan): string {
  if (mount.kind === 'memory') return `${mount.guestPath} (memory)`;
  if (mount.kind === 'disk') {
    // Its size too: the saved machine knows its device.
    const size = `${formatBytes(mount.sizeBytes)}${mount.isReadonly ? ', read-only' : ''}`;
    return `${mount.guestPath} (volume ${mount.name}, ${size})`;
  }
  if (mount.kind === 'copy') return `${mount.guestPath} (copied)`;
  const how = mount.overlay === undefined ? '' : ', overlay';
  return `${mount.guestPath} (host${mount.isReadonly ? ', read-only' : how})`;
}

function difference(saved: readonly MountPlan[], now: readonly MountPlan[]): string | null {
  // The snapshot's memory contains the copied files; they have no mount.
  const mounted = ({ kind }: MountPlan) => kind !== 'copy';
  const before = saved.filter(mounted).map(describeVolume);
  const after = now.filter(mounted).map(describeVolume);
  const missing = before.find((shape) => !after.includes(shape));
  if (missing !== undefined) return `it has the volume ${missing}, which the sandbox does not have`;
  const added = after.find((shape) => !before.includes(shape));
  return added === undefined ? null : `the sandbox has the volume ${added}, which it does not have`;
}

/**
 * Returns the plan of a sandbox restored from a snapshot: image, size and root of the snapshot; steps, environment and user
 * of the plan.
 * @param plan  Has one sandbox.
 * @throws {GondolinError} SNAPSHOT_REFUSED when their volumes differ.
 */
export function planFromSnapshot(plan: Plan, facts: SnapshotFacts): Plan {
  const sandboxes = plan.sandboxes.map((sandbox) => {
    const reason = difference(facts.mounts, sandbox.vm.mounts);
    if (reason !== null) {
      const message = `snapshot "${facts.name}" does not fit sandbox ${sandbox.name}: ${reason}`;
      throw new GondolinError('SNAPSHOT_REFUSED', message, {
        hint: 'Give the sandbox the same volumes, or take another snapshot.',
      });
    }
    const { cpus, memoryBytes, root, diskBytes } = facts;
    const vm = { ...sandbox.vm, cpus, memoryBytes, root, diskBytes };
    return { ...sandbox, image: facts.image, vm };
  });
  return { ...plan, sandboxes };
}
