/** Files of a saved machine: its RAM, sparse, and the state of its processors and devices. */
export const SAVED_FILES = { ram: 'ram', state: 'state' } as const;
