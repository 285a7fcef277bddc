import type { OnAsk } from './ask/ask-options.ts';
import type { RequestHooks } from './hooks/http-hooks.ts';
import type { InternalHost } from './internal-host.ts';
import type { WaitingTimes } from './limits.ts';
import type { PolicyOptions } from './policy/policy-options.ts';
import type { UpstreamProxyOptions } from './proxy/proxy-options.ts';
import type { ResolvedSecret } from './secret/secret-options.ts';
import type { SshOptions } from './ssh/ssh-options.ts';
import type { Resolve } from './tcp/dial.ts';
import type { GuestFile } from './tls/guest-file.ts';

/** Options of one VM's network. */
export interface NetworkOptions {
  readonly policy: PolicyOptions;
  /** Secrets whose values have been read (`readSecrets`). @default none */
  readonly secrets?: readonly ResolvedSecret[];
  /** Additional roots for servers' TLS in PEM, besides those that Node trusts on this machine. @default none */
  readonly ca?: readonly string[];
  /** Host patterns whose TLS is checked by its server name only, and not terminated. @default none */
  readonly passthrough?: readonly string[];
  /** @default none */
  readonly hooks?: RequestHooks;
  /** Names of other VMs of this process that the guest may reach. @default none @internal */
  readonly internalHosts?: readonly InternalHost[];
  /** SSH servers that the guest may reach with the host's credentials. @default none */
  readonly ssh?: SshOptions;
  /** Hex seed for placeholders; ignored when `restored` is given. @default a new one */
  readonly placeholderSeed?: string;
  /** Directory of this machine's certificate authority; created if missing (0700, its file 0600). */
  readonly caDirectory: string;
  /** State of the saved VM that is restored. @default the state of a new VM */
  readonly restored?: NetworkState;
  /** Asked about a host that the policy does not name and nothing denies. @default such hosts are refused */
  readonly onAsk?: OnAsk;
  /** Time for its answer, in milliseconds; then it is `never`. @default 60000 */
  readonly askTimeoutMs?: number;
  /** The proxy through which servers are reached, or its URL. @default none */
  readonly upstreamProxy?: string | UpstreamProxyOptions;
  /** Resolves names of servers, on the host. @default the system's resolver */
  readonly resolve?: Resolve;
  /** Shorter times, for tests. @default WAITING_TIMES of limits.ts @internal */
  readonly waits?: Partial<WaitingTimes>;
}

/** The part of a network that is saved with a VM, because its guest remembers both. Contains no secret value. */
export interface NetworkState {
  /** Names that have an address in the guest. */
  readonly names: readonly string[];
  /** Seed of the placeholders, hexadecimal. */
  readonly placeholderSeed: string;
}

/** Files and variables that a guest needs before its first process runs. */
export interface GuestTrust {
  /** The authority that signs what the guest sees, PEM. */
  readonly caPem: string;
  /** Placeholders of secrets, and variables that name the authority's files. */
  readonly env: Readonly<Record<string, string>>;
  /** Files to write as root. */
  readonly files: readonly GuestFile[];
}
