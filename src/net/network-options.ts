import type { RequestHooks } from './hooks/http-hooks.ts';
import type { WaitingTimes } from './limits.ts';
import type { PolicyOptions } from './policy/policy-options.ts';
import type { ResolvedSecret } from './secret/secret-options.ts';
import type { Resolve } from './tcp/dial.ts';
import type { GuestFile } from './tls/guest-file.ts';

/** What one VM's network is. */
export interface NetworkOptions {
  readonly policy: PolicyOptions;
  /** Values already read (`readSecrets`). @default none */
  readonly secrets?: readonly ResolvedSecret[];
  /** Further roots for servers' TLS, PEM, beside those that Node trusts on this machine. @default none */
  readonly ca?: readonly string[];
  /** Host patterns whose TLS is checked by name and not opened. @default none */
  readonly passthrough?: readonly string[];
  /** @default none */
  readonly hooks?: RequestHooks;
  /** Of the placeholders, hexadecimal; `restored` has its own. @default a new one */
  readonly placeholderSeed?: string;
  /** Directory of this machine's certificate authority; made when it is not there (0700, its file 0600). */
  readonly caDirectory: string;
  /** What a VM restored from a snapshot knows already. @default a new VM's */
  readonly restored?: NetworkState;
  /** Resolves names of servers, on the host. @default the system's resolver */
  readonly resolve?: Resolve;
  /** For tests, which cannot wait that long. @default those of limits.ts @internal */
  readonly waits?: Partial<WaitingTimes>;
}

/** What of a network must live on with a saved VM: the guest remembers both. Holds no secret value. */
export interface NetworkState {
  /** Names that have an address in the guest. */
  readonly names: readonly string[];
  /** Seed of the placeholders, hexadecimal. */
  readonly placeholderSeed: string;
}

/** What a guest needs before its first process runs. */
export interface GuestTrust {
  /** The authority that signs what the guest sees, PEM. */
  readonly caPem: string;
  /** Placeholders of secrets, and variables that name the authority's files. */
  readonly env: Readonly<Record<string, string>>;
  /** Files to write as root. */
  readonly files: readonly GuestFile[];
}
