/**
 * Files of a saved machine: its RAM and the disk of its root, sparse; the state of its processors and devices; the state of its
 * mounts and of its network.
 */
export const SAVED_FILES = {
  ram: 'ram',
  rootDisk: 'root-disk',
  state: 'state',
  mounts: 'vfs.json',
  network: 'network.json',
} as const;
