/** Files of a saved machine: its RAM, sparse, and the state of its processors and devices, its mounts. */
export const SAVED_FILES = { ram: 'ram', state: 'state', mounts: 'vfs.json' } as const;
