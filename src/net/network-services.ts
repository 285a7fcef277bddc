import type { SecureContext } from 'node:tls';
import type { Asker } from './ask/asker.ts';
import type { InternalHosts } from './internal-host.ts';
import type { WaitingTimes } from './limits.ts';
import type { NetworkRules } from './live/network-rules.ts';
import type { UpstreamProxy } from './proxy/upstream-proxy.ts';
import type { SshEgress } from './ssh/ssh-egress.ts';
import type { Resolve } from './tcp/dial.ts';

/** The services that the data path uses; each has its own folder in `net/`. */
export interface NetworkServices {
  /** Returns the rules in force. Ask again for each decision: an update replaces them. */
  readonly rules: () => NetworkRules;
  /** Answers one DNS message; null drops it. Never rejects. */
  readonly answerDns: (query: Buffer, isTcp: boolean) => Promise<Buffer | null>;
  /** Returns the leaf certificate for a name or an address. */
  readonly leafFor: (name: string) => Promise<SecureContext>;
  /** Loads what carries SSH; null if no host is listed for it. */
  readonly ssh: (() => Promise<SshEgress>) | null;
  readonly internalHosts: InternalHosts;
  /** Additional roots for servers' TLS, PEM. */
  readonly ca: readonly string[];
  /** null: hosts that the policy does not name are refused. */
  readonly asker: Asker | null;
  readonly resolve: Resolve;
  /** null: servers are dialled directly. */
  readonly proxy: UpstreamProxy | null;
  readonly waits: WaitingTimes;
}
