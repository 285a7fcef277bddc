import type { SecureContext } from 'node:tls';
import type { RequestHooks } from './hooks/http-hooks.ts';
import type { WaitingTimes } from './limits.ts';
import type { PolicyJudge } from './policy/compile-policy.ts';
import type { SecretStore } from './secret/secret-store.ts';
import type { Resolve } from './tcp/dial.ts';

/** The services that the data path uses; each has its own folder in `net/`. */
export interface NetworkServices {
  readonly policy: PolicyJudge;
  /** Answers one DNS message; null drops it. Never rejects. */
  readonly answerDns: (query: Buffer, isTcp: boolean) => Promise<Buffer | null>;
  /** Returns the leaf certificate for a name or an address. */
  readonly leafFor: (name: string) => Promise<SecureContext>;
  /** null if the VM has none. */
  readonly secrets: SecretStore | null;
  readonly hooks: RequestHooks | null;
  /** Returns true if TLS to this host is checked by its server name only. */
  readonly isPassthrough: (name: string, port: number) => boolean;
  /** Additional roots for servers' TLS, PEM. */
  readonly ca: readonly string[];
  readonly resolve: Resolve;
  readonly waits: WaitingTimes;
}
