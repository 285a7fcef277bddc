import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { NAMES, resolveDirectories } from '../../host/directories.ts';
import type { MountPlan, Plan, SandboxPlan } from '../../plan/plan.ts';
import type { DiskMount } from '../../vm/disks/disk-options.ts';
import { VolumeStore } from './volume-store.ts';

type DiskPlan = Extract<MountPlan, { kind: 'disk' }>;

/** The volumes of a sandbox that are kept between runs. */
export interface SandboxVolumes {
  /** For `VM.create`: guest path → disk. */
  readonly disks: Readonly<Record<string, DiskMount>>;
  /** Ids by name, on which checkpoints depend. */
  readonly ids: Readonly<Record<string, string>>;
  /** Says of a disk that is in use which volume it is. */
  explain(error: unknown): unknown;
}

function isDisk(mount: MountPlan): mount is DiskPlan {
  return mount.kind === 'disk';
}

/** Reads the ids of the volumes of a sandbox, by name; without one for a volume that does not exist. */
export async function volumeIds(
  { name: project }: Plan,
  { vm }: SandboxPlan,
  volumesDirectory: string,
): Promise<Record<string, string>> {
  const store = new VolumeStore(volumesDirectory);
  const ids: Record<string, string> = {};
  for (const { name } of vm.mounts.filter(isDisk)) {
    const id = await store.id(project, name);
    if (id !== null) ids[name] = id;
  }
  return ids;
}

/**
 * Prepares the volumes of a sandbox in the state directory.
 * @throws {GondolinError} HOST_… when it cannot be written.
 */
export async function openSandboxVolumes(
  { name: project }: Plan,
  { name: sandbox, vm }: SandboxPlan,
  stateDirectory: string = resolveDirectories().state,
): Promise<SandboxVolumes> {
  const mounts = vm.mounts.filter(isDisk);
  const store = new VolumeStore(join(stateDirectory, NAMES.volumes));
  const disks: Record<string, DiskMount> = {};
  const ids: Record<string, string> = {};
  for (const { name, guestPath, sizeBytes, isReadonly } of mounts) {
    ids[name] = await store.use({ project, sandbox, name, sizeBytes });
    disks[guestPath] = { path: store.diskPath(project, name), size: sizeBytes, isReadonly };
  }
  const explain = (error: unknown) => {
    if (!GondolinError.is(error) || !error.code.startsWith('VM_DISK_')) return error;
    const at = mounts.find(({ name }) => store.diskPath(project, name) === error.details?.['path']);
    if (at === undefined) return error;
    const message = `volume ${at.name} of project ${project}: ${error.message}`;
    return new GondolinError(error.code, message, {
      hint: error.hint,
      cause: error,
      ...(error.details === undefined ? {} : { details: error.details }),
    });
  };
  return { disks, ids, explain };
}
