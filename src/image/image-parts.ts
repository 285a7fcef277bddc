import type { ContainerConfig } from './oci/documents/image-config.ts';

/** Kernel and root file system, built or found. */
export interface ImageParts {
  /** Processor of the guest. */
  readonly arch: 'x86_64' | 'aarch64';
  readonly vmlinuxPath: string;
  readonly modulesPath: string;
  readonly modulesSha256: string;
  /** Null where the initramfs is all that the guest has. */
  readonly rootfsPath: string | null;
  readonly kernelRelease: string;
  readonly sizeBytes: number;
  /** Digests of the files, sorted: they make the image's key. */
  readonly digests: readonly string[];
  /** The command, variables and user that an OCI image names; null for other images. */
  readonly container: ContainerConfig | null;
  release(): void;
}
