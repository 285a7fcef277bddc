/**
 * Files of a saved machine: its RAM, sparse, the state of its processors and devices; what its mounts and its network
 * must go on with.
 */
export const SAVED_FILES = {
  ram: 'ram',
  state: 'state',
  mounts: 'vfs.json',
  network: 'network.json',
} as const;
