import type { Environment } from '../host/directories.ts';
import type { ImageRecipe, ImageSetup } from '../plan/plan.ts';
import type { ContainerConfig } from './oci/documents/image-config.ts';
import type { TransferLimits } from './oci/registry/transport.ts';
import type { DockerfileRecipe, ProgramRecipe } from './recipe.ts';

/** The three parts of an image, and the layers that OCI images are downloaded in; each has its own cache entries. */
export type ArtifactKind = 'kernel' | 'rootfs' | 'initramfs' | 'layer';

/** A step of making an image ready; plain data, safe to print. */
export interface ImageEvent {
  readonly level: 'info' | 'warning';
  readonly artifact: ArtifactKind;
  /** Short stable word: `wait`, `discard`, `lists`, `download`, `unpack`, `install`, `pack`, `verify`, `done`; `output` is a line of a setup. */
  readonly phase: string;
  readonly message: string;
  /** Share of this artifact's work that is done, 0..1; null when unknown. */
  readonly fraction: number | null;
}

/** The work of a setup, as its VM needs it. */
export interface SetupWork {
  readonly setup: ImageSetup;
  /** Directory that exists, for the files of this work; whoever calls removes it. */
  readonly directory: string;
  /** File that does not exist yet, for the root file system as a tar archive. */
  readonly archivePath: string;
  readonly onEvent: (event: ImageEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Boots an image, does a setup in it, and writes its root file system into an archive. Resolves with the archive's digest.
 * @throws {GondolinError} IMAGE_SETUP_FAILED and those of a VM.
 */
export type SetUpImage = (
  base: GuestImage,
  work: SetupWork,
) => Promise<{ readonly sizeBytes: number; readonly sha256: string }>;

/** The build of a Dockerfile, as its VM needs it. */
export interface DockerfileWork {
  readonly recipe: DockerfileRecipe;
  /** The Dockerfile; images have the names that the builder knows them by. */
  readonly text: string;
  /** Paths below the context that the build may read. */
  readonly contextPaths: ReadonlySet<string>;
  /** Directory of a store with the base images, without their files. */
  readonly storeDirectory: string;
  /** Where in the store the tree of each base image belongs, and the squashfs that has it. */
  readonly trees: readonly { readonly place: string; readonly imagePath: string }[];
  /** Digests of layers that are not needed back, `sha256:` and 64 hex digits. */
  readonly knownLayers: ReadonlySet<string>;
  /** Disk image that keeps what instructions gave, made if it is missing. */
  readonly diskPath: string;
  /** Whether what an instruction gave in an earlier build may be used. */
  readonly usesCache: boolean;
  /** Directory for the layers that are built; whoever calls removes it. */
  readonly directory: string;
  /** Gets each line of the builder, safe to print. */
  readonly onLine: (line: string) => void;
  readonly onEvent: (event: ImageEvent) => void;
  /** Where values of secrets are looked up. */
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** The image that a build gave. Untrusted: nothing of it is checked. */
export interface BuiltDockerfile {
  readonly manifest: Buffer;
  readonly config: Buffer;
  /** Files of the layers that were not known, by their digests. */
  readonly layerPaths: ReadonlyMap<string, string>;
}

/** Builds Dockerfiles in a VM. */
export interface DockerfileBuilder {
  /** Variables that make programs of the build trust the authority of the VM's network. */
  readonly variables: Readonly<Record<string, string>>;
  /**
   * Boots the builder's image and builds.
   * @returns Null when the builder reported a failure, with a line to `onLine`.
   * @throws {GondolinError} those of a VM, and NET_SECRET_…
   */
  build(builder: GuestImage, work: DockerfileWork): Promise<BuiltDockerfile | null>;
}

export interface EnsureImageOptions {
  /** Base of gondolin's cache, e.g. `~/.cache/gondolin`; absolute. Entries are below its `images/`. */
  readonly cacheDirectory: string;
  /** The static guest agent that becomes `/init`, e.g. `guest/build/gondolin-agent`. That for aarch64 is beside it, in `aarch64/`. */
  readonly agentPath: string;
  readonly onProgress?: (event: ImageEvent) => void;
  /** Stops the work: tools are killed and temporary files removed before the promise rejects. */
  readonly signal?: AbortSignal;
  /** Boots a VM for recipes with a setup, which cannot be made without it. */
  readonly setUp?: SetUpImage;
  /** Builds recipes of a Dockerfile, which cannot be made without it. */
  readonly dockerfileBuilder?: DockerfileBuilder;
  /** Called once a part of the image was built and put into the cache; waited for. */
  readonly onBuilt?: () => Promise<void>;
  /**
   * The time, in milliseconds since 1970, before which parts that are built from packages are too old, so that they are built again.
   * Images of registries and directories stay as they are. @default never
   */
  readonly rebuildBeforeMs?: number;
  /** Variables for the tools that download, e.g. `http_proxy`. Nothing else of the environment is passed on. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where registries and credentials of OCI images are looked up. @default that of this process */
  readonly env?: Environment;
  /** Bounds on the time that registries take. @default TRANSFER_LIMITS */
  readonly transferLimits?: Partial<TransferLimits>;
}

/** The options of `ensureImage`, with the receiver of its events and the signal that ends it: each part of an image gets them. */
export interface ImageContext {
  readonly options: EnsureImageOptions;
  readonly onEvent: (event: ImageEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * An image ready to boot. It cannot be pruned until `release()`, or the end of this process.
 *
 * @example
 * const describe = ({ kernelRelease, sizeBytes }: GuestImage) => `${kernelRelease}, ${sizeBytes} bytes`;
 */
export interface GuestImage {
  /** Changes whenever kernel, agent or root file system do: 64 hex digits. */
  readonly key: string;
  /** Processor of the guest. @default x86_64 */
  readonly arch?: 'x86_64' | 'aarch64';
  /** ELF with a PVH entry; for aarch64 an Image. */
  readonly vmlinuxPath: string;
  /** cpio newc: `/init` is the agent. */
  readonly initramfsPath: string;
  readonly rootfsPath: string;
  readonly rootfsType: 'squashfs';
  /**
   * Paths of read-only raw images that the guest gets as further block devices, with the serial numbers `image0`, `image1`, …; at most 16 together with the disks.
   * Nothing mounts them. @default none
   */
  readonly attachedImages?: readonly string[];
  /** Output of `uname -r` in the guest, e.g. `6.1.0-56-cloud-amd64`. */
  readonly kernelRelease: string;
  /** Sum of the three files. */
  readonly sizeBytes: number;
  readonly recipe: ImageRecipe;
  /** The command, variables and user that an OCI image names; null for other images. */
  readonly container: ContainerConfig | null;
  /** Lets `pruneImages` remove the files again. May be called twice; never throws. */
  release(): Promise<void>;
}

/** An image, or a kernel and an initramfs alone. */
export interface BootImage extends Omit<GuestImage, 'rootfsPath' | 'recipe'> {
  /** Null where the initramfs is all that the guest has. */
  readonly rootfsPath: string | null;
  readonly recipe: ImageRecipe | ProgramRecipe;
}
