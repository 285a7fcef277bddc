/** Debian's package of the newest cloud kernel. In an image's list of packages it means all modules of the image's kernel. */
export const KERNEL_META_PACKAGE = 'linux-image-cloud-amd64';

/** Debian's packages of the newest cloud kernel, by processor. */
export const KERNEL_META_PACKAGES = {
  x86_64: KERNEL_META_PACKAGE,
  aarch64: 'linux-image-cloud-arm64',
} as const;

/**
 * The modules that the agent loads before it mounts anything. No network card: `virtio_net` is left out on purpose.
 * `crc32c_generic` is what ext4 asks modprobe for where it is a module; the initramfs has no modprobe.
 */
export const MODULE_ROOTS = {
  required: ['virtio_pci', 'virtio_console', 'virtio_blk', 'fuse', 'overlay', 'squashfs'],
  optional: ['crc32c_generic', 'ext4'],
} as const;
