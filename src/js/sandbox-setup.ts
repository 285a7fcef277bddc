import type { OpenEngine } from './engine/engine-channel.ts';
import type { SandboxNetwork } from './fetch/sandbox-network.ts';
import type { HostFunctions } from './host-functions.ts';
import type { SandboxSizes } from './sizes.ts';

/** Settings of one `build()`. */
export interface SandboxSetup {
  readonly sizes: SandboxSizes;
  readonly host: HostFunctions;
  /** Null without `fetch`. */
  readonly network: SandboxNetwork | null;
  readonly print: (text: string, isError: boolean) => void;
  /** Starts a machine with a gondolin-js in it. */
  readonly open: OpenEngine;
}
