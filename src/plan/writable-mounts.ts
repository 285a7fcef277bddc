import type { MountPlan } from './plan.ts';

type HostMount = Extract<MountPlan, { kind: 'host' }>;

/** Whether a guest changes files of the host by it: neither a read-only mount nor an overlay does that. */
export function isWritableMount(mount: MountPlan): mount is HostMount {
  return mount.kind === 'host' && !mount.isReadonly && mount.overlay === undefined;
}

/** Returns the mounts by which a guest changes files of the host. */
export function writableMounts(mounts: readonly MountPlan[]): HostMount[] {
  return mounts.filter(isWritableMount);
}
