import type { SecureContext } from 'node:tls';
import type { RequestHooks } from './hooks/http-hooks.ts';
import type { WaitingTimes } from './limits.ts';
import type { PolicyJudge } from './policy/compile-policy.ts';
import type { SecretStore } from './secret/secret-store.ts';
import type { Resolve } from './tcp/dial.ts';

/** What the data path is made of; each part is a room of its own below `net/`. */
export interface NetworkServices {
  readonly policy: PolicyJudge;
  /** DNS message → answer, or null to drop it. Never rejects. */
  readonly answerDns: (query: Buffer, isTcp: boolean) => Promise<Buffer | null>;
  /** Leaf certificate for one name or address. */
  readonly leafFor: (name: string) => Promise<SecureContext>;
  /** null: the VM has none. */
  readonly secrets: SecretStore | null;
  readonly hooks: RequestHooks | null;
  /** True when TLS to this host is checked by name and not opened. */
  readonly isPassthrough: (name: string, port: number) => boolean;
  /** Further roots for servers' TLS, PEM. */
  readonly ca: readonly string[];
  readonly resolve: Resolve;
  readonly waits: WaitingTimes;
}
