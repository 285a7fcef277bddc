import type { TurnQueue } from '../../../util/turn-scheduler.ts';
import type { Asker } from '../../ask/asker.ts';
import type { NetworkEvent } from '../../audit/network-event.ts';
import type { RequestHooks } from '../../hooks/http-hooks.ts';
import type { WaitingTimes } from '../../limits.ts';
import type { PolicyJudge } from '../../policy/compile-policy.ts';
import type { SecretStore } from '../../secret/secret-store.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { GuestLoad } from './limit/guest-load.ts';

/** An exchange in progress, as an update of the policy sees it. */
export interface OpenExchange {
  /** Breaks it off if the policy no longer allows its host or address. */
  judgeAgain(policy: PolicyJudge): void;
}

/** The services that all HTTP connections of one `Network` share. */
export interface HttpServices {
  readonly policy: PolicyJudge;
  /** null: hosts that the policy does not name are refused. */
  readonly asker: Asker | null;
  readonly upstream: Upstream;
  /** null: the VM has none. */
  readonly secrets: SecretStore | null;
  /** null: none is set, and nothing of fetch is built. */
  readonly hooks: RequestHooks | null;
  readonly waits: WaitingTimes;
  readonly emit: (event: NetworkEvent) => void;
  /** Receives failures on our side of a connection. */
  readonly fault: (error: Error) => void;
  readonly nextRequestId: () => number;
  readonly turns: TurnQueue;
  /** Counts the requests and bytes that this VM's guest makes us hold. */
  readonly load: GuestLoad;
  /** The exchanges in progress. */
  readonly open: Set<OpenExchange>;
}
