import type { TurnQueue } from '../../util/turn-scheduler.ts';
import type { NetworkEvent } from '../audit/network-event.ts';
import type { RequestHooks } from '../hooks/http-hooks.ts';
import type { WaitingTimes } from '../limits.ts';
import type { PolicyJudge } from '../policy/compile-policy.ts';
import type { Blocked } from '../refusal/refusal.ts';
import type { SecretStore } from '../secret/secret-store.ts';
import type { GuestLoad } from './exchange/limit/guest-load.ts';
import type { GuestProtocol, Upstream } from './upstream/upstream.ts';
import type { Target } from './upstream/upstream-call.ts';

/** What one guest connection is: the frame in which each of its requests is judged. */
export interface RequestContext extends Target {
  /** Counts up within one `Network`. */
  readonly connectionId: number;
  readonly protocol: GuestProtocol;
  /** What `Host` says of it: the port only where it is not the scheme's own. */
  readonly authority: string;
  /** Adds up the bodies of its requests, for the event of its end. */
  readonly traffic: { sentBytes: number; receivedBytes: number };
  /** Every request is answered with this refusal; `null` when the connection was allowed. */
  readonly refusal: Blocked | null;
}

/** What the HTTP side of one `Network` shares between its connections. */
export interface HttpServices {
  readonly policy: PolicyJudge;
  readonly upstream: Upstream;
  /** null: the VM has none. */
  readonly secrets: SecretStore | null;
  /** null: none is set, and nothing of fetch is built. */
  readonly hooks: RequestHooks | null;
  readonly waits: WaitingTimes;
  readonly emit: (event: NetworkEvent) => void;
  /** Told of failures on our side of a connection. */
  readonly fault: (error: Error) => void;
  readonly nextRequestId: () => number;
  readonly turns: TurnQueue;
  /** What this VM's guest makes us hold. */
  readonly load: GuestLoad;
}
