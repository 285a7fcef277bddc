/**
 * Files of a saved machine: its RAM, sparse; the state of its processors and devices; the state of its mounts and of its
 * network.
 */
export const SAVED_FILES = {
  ram: 'ram',
  state: 'state',
  mounts: 'vfs.json',
  network: 'network.json',
} as const;
