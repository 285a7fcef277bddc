import type { MountPlan } from './plan.ts';

type HostMount = Extract<MountPlan, { kind: 'host' }>;

/** Returns the mounts by which a guest changes files of the host: neither read-only ones nor overlays. */
export function writableMounts(mounts: readonly MountPlan[]): HostMount[] {
  return mounts.filter(
    (mount): mount is HostMount =>
      mount.kind === 'host' && !mount.isReadonly && mount.overlay === undefined,
  );
}
