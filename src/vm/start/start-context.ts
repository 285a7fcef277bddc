import { GondolinError } from '../../errors/gondolin-error.ts';
import { chooseAccelerator } from '../../host/accelerator.ts';
import { type Directories, resolveDirectories } from '../../host/directories.ts';
import { qemuName, requireTool } from '../../host/tools.ts';
import type { BootImage } from '../../image/guest-image.ts';
import type { MachineSpec } from '../../machine/machine-spec.ts';
import type { Machine, StartMachineOptions } from '../../machine/start-machine.ts';
import type { CloneIdentity } from '../../protocol/host-message.ts';
import { type FuseServer, offersAttributes } from '../../vfs/fuse-server.ts';
import { diskBytes } from '../disks/disk-options.ts';
import type { OpenDisk } from '../disks/open-disks.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestNetwork } from '../guest-network.ts';
import { computeTemplateKey } from '../snapshot/template-key.ts';
import { DEFAULT_MEMORY, type DebugLog, memoryBytes, type VMOptions } from '../vm-options.ts';
import { createCloneIdentity } from './clone-identity.ts';
import { hasStandardScratch } from './mounts.ts';
import type { StartedGuest } from './started-guest.ts';

/** The part of a network that a machine needs while it starts. */
export type StartNetwork = Pick<GuestNetwork, 'trustKey' | 'install' | 'register'>;

/** A start as `VM.create` asks for it. */
export interface StartRequest {
  readonly options: VMOptions;
  readonly image: BootImage;
  readonly network: GuestNetwork | null;
  /** The disks of the options, in their order. @default none */
  readonly disks?: readonly OpenDisk[];
  readonly log: DebugLog;
  /** Receives the server of the VM's volumes before anything in the guest uses it. */
  readonly onFiles?: (server: FuseServer) => void;
  /** Called when QEMU has been started, and again when a start needs a second one. */
  readonly onSpawned?: () => void;
}

/** A request with what watches and accompanies its start. */
interface WatchedStart extends Omit<StartRequest, 'network'> {
  /** Null when the VM has none. */
  readonly network: StartNetwork | null;
  /** Rejects when the start took too long or was cancelled. */
  readonly limit: Promise<never>;
  /** Called with the machine once QEMU runs. */
  readonly onMachine: (machine: Machine) => void;
  readonly files: GuestFiles;
  /** Gives each machine its identity. @default a new one with the options' host name */
  readonly identity?: () => CloneIdentity;
  /**
   * Speaks to the program of a machine that was just restored and is still being loaded, until it can be used. The program
   * itself sets the clock and the random numbers. @default the agent makes the guest ready
   */
  readonly greetRestored?: (machine: Machine) => Promise<void>;
  /** Starts what a template of this machine has running. @default the first commands and the guest's side of the file channel */
  readonly prepareTemplate?: (guest: StartedGuest) => Promise<void>;
}

/** Everything that each way to start a guest needs. */
export interface StartContext extends WatchedStart {
  readonly spec: MachineSpec;
  readonly machineOptions: StartMachineOptions;
  readonly identity: () => CloneIdentity;
  /** Names everything that must be the same where a saved machine is restored. */
  readonly templateKey: string;
  /** The key of the same machine if its guest trusts other certificates. */
  readonly templateKeyWith: (trustKey: string | null) => string;
  readonly directories: Directories;
}

function rootDisk({ sandbox }: VMOptions): Pick<MachineSpec, 'rootDisk'> {
  const { rootDisk: size, rootOverlay } = sandbox ?? {};
  if (size === undefined) return {};
  if (rootOverlay !== true) {
    throw new GondolinError('VM_BAD_OPTION', 'option sandbox.rootDisk: needs rootOverlay: true');
  }
  return { rootDisk: { sizeBytes: diskBytes(size, 'sandbox.rootDisk') } };
}

/** @throws {GondolinError} HOST_… when QEMU is missing or does not run; VM_BAD_OPTION for the memory. */
export async function createStartContext(start: WatchedStart): Promise<StartContext> {
  const { options, image, network, files, disks = [] } = start;
  const directories = resolveDirectories();
  const { arch = 'x86_64' } = image;
  const qemu = requireTool(qemuName(arch));
  const { accelerator } = await chooseAccelerator({ qemu, cacheDirectory: directories.cache });
  const size = {
    cpus: options.cpus ?? 1,
    memoryBytes: memoryBytes(options.memory ?? DEFAULT_MEMORY),
    disks: disks.map((disk) => ({ sizeBytes: disk.image.sizeBytes })),
    ...rootDisk(options),
    ...(image.attachedImages === undefined ? {} : { images: image.attachedImages }),
    // Also without mounts: a waiting VM gets its mounts later, and one template serves all.
    hasReplyDisk: image.rootfsPath !== null,
  };
  const { vmlinuxPath, initramfsPath, rootfsPath } = image;
  const keepsAcls = offersAttributes(Object.values(options.vfs?.mounts ?? {}));
  const hasScratch = hasStandardScratch(options);
  const templateKeyWith = (trustKey: string | null) =>
    computeTemplateKey({ image, ...size, accelerator, qemu, hasScratch, keepsAcls, trustKey });
  return {
    ...start,
    identity: start.identity ?? (() => createCloneIdentity(options)),
    spec: {
      ...(arch === 'x86_64' ? {} : { arch }),
      vmlinuxPath,
      initramfsPath,
      rootfsPath,
      ...size,
    },
    machineOptions: {
      accelerator,
      directories,
      diskFds: disks.map((disk) => disk.image.fd),
      onSpawned: () => {
        files.preload();
        start.onSpawned?.();
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
    templateKey: templateKeyWith(network?.trustKey ?? null),
    templateKeyWith,
    directories,
  };
}
