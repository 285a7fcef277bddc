import type { AgentClient } from '../../agent/agent-client.ts';
import { diskSerial } from '../../machine/qemu-arguments.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import type { GuestFiles } from '../guest-files.ts';
import { DEFAULT_MEMORY, memoryBytes, type VMOptions } from '../vm-options.ts';

interface MemoryPlace {
  readonly sizeBytes: number;
  readonly mode: number;
}

/** Permissions of a disk that is mounted for the first time. */
const DISK_MODE = 0o755;
/** Paths that programs write to even where the root is read-only. */
const SCRATCH = ['/tmp', '/var/tmp'];

function scratch(options: VMOptions): readonly (readonly [string, MemoryPlace])[] {
  const sizeBytes = Math.floor(memoryBytes(options.memory ?? DEFAULT_MEMORY) / 2);
  return SCRATCH.map((path) => [path, { sizeBytes, mode: 0o1777 }] as const);
}

function isTaken(options: VMOptions, path: string): boolean {
  const { memory = {}, mounts = {}, disks = {} } = options.vfs ?? {};
  return path in memory || path in mounts || path in disks;
}

/** True when the VM has all scratch mounts, so that they can be part of its template. */
export function hasStandardScratch(options: VMOptions): boolean {
  return options.sandbox?.rootOverlay !== true && !SCRATCH.some((path) => isTaken(options, path));
}

/** Mounts the scratch paths of a VM that has them all. */
export async function mountStandardScratch(options: VMOptions, agent: AgentClient): Promise<void> {
  for (const [target, place] of scratch(options)) {
    await agent.mountMemory({ target, ...place, uid: 0, gid: 0 });
  }
}

/** Returns the memory mounts of the options, and the scratch mounts that its template does not have. */
function memoryMounts(options: VMOptions): (readonly [string, MemoryPlace])[] {
  const own = Object.entries(options.vfs?.memory ?? {});
  const wanted = own.map(([path, { sizeBytes }]) => [path, { sizeBytes, mode: 0o755 }] as const);
  if (options.sandbox?.rootOverlay === true || hasStandardScratch(options)) return wanted;
  return [...scratch(options).filter(([path]) => !isTaken(options, path)), ...wanted];
}

interface MountStep {
  readonly target: string;
  mount(): Promise<void>;
}

/** Mounts each step after the mounts that contain it, and independent ones at the same time. */
async function mountInOrder(steps: readonly MountStep[]): Promise<void> {
  const done = new Map<string, Promise<void>>();
  for (const step of steps.toSorted((a, b) => a.target.length - b.target.length)) {
    const parents = [...done].filter(([target]) => step.target.startsWith(`${target}/`));
    const ready = Promise.all(parents.map(([, mounted]) => mounted));
    done.set(step.target, parents.length === 0 ? step.mount() : ready.then(() => step.mount()));
  }
  await Promise.all(done.values());
}

/** A mount of the file server by its name there, or one of the guest's own memory (null). */
interface NamedStep extends MountStep {
  readonly name: string | null;
}

/** Mounts a step after the file server has created its mount point, if that is one of the server's files. */
async function mountOnPlace(
  step: NamedStep,
  all: readonly NamedStep[],
  server: Pick<FuseServer, 'makeMountPoint'>,
): Promise<void> {
  const around = all.filter(({ target }) => step.target.startsWith(`${target}/`));
  const outer = around.toSorted((a, b) => a.target.length - b.target.length).at(-1);
  if (outer !== undefined && outer.name !== null) {
    await server.makeMountPoint(outer.name, step.target.slice(outer.target.length), step.name);
  }
  await step.mount();
}

/**
 * Mounts what the options ask for, parents before the paths below them.
 * @param attach  Returns the attached file server; called when there are provider mounts.
 */
export async function mountVolumes(
  options: VMOptions,
  agent: AgentClient,
  files: Pick<GuestFiles, 'user'>,
  attach: () => Promise<FuseServer>,
): Promise<void> {
  const provided = Object.entries(options.vfs?.mounts ?? {});
  const memory = memoryMounts(options);
  const disks = Object.entries(options.vfs?.disks ?? {});
  if (provided.length + memory.length + disks.length === 0) return;
  const user = await files.user(agent);
  const mounts = provided.map(([target, provider], index) => ({
    target,
    name: String(index),
    provider,
  }));
  const memorySteps = memory.map(([target, { sizeBytes, mode }]) => ({
    target,
    mount: () => agent.mountMemory({ target, sizeBytes, mode, ...user }),
  }));
  const diskSteps = disks.map(([target, { isReadonly = false }], index) => {
    const serial = diskSerial(index);
    const disk = { serial, target, isReadonly, mode: DISK_MODE, ...user };
    return { target, mount: () => agent.mountDisk(disk) };
  });
  const ownSteps = [...memorySteps, ...diskSteps];
  if (mounts.length === 0) return mountInOrder(ownSteps);
  const server = await attach();
  const steps = [
    ...mounts.map(({ target, name, provider }) => ({
      target,
      name,
      mount: () => agent.mountHost({ source: name, target, isReadonly: provider.isReadonly }),
    })),
    ...ownSteps.map((step) => ({ ...step, name: null })),
  ];
  const placed = steps.map((step) => ({ ...step, mount: () => mountOnPlace(step, steps, server) }));
  const failed = server.failed.then((error) => Promise.reject(error));
  await Promise.race([mountInOrder(placed), failed]);
}
