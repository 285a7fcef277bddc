import type {
  BlockReason,
  Decider,
  LeakPlace,
  LeakReason,
  Suggestion,
} from '../refusal/refusal.ts';
import type { Transport } from '../transport.ts';

/**
 * What happens on a sandbox's network, told by `Network` as plain data. Names, URLs, methods and headers come from the
 * guest or from a server: untrusted text, bounded by who emits it. Everything is the guest's view: placeholders, not
 * values, in requests; scrubbed responses. `audit/` masks a second time before anything is printed or written.
 */
export type NetworkEvent =
  | DnsEvent
  | ConnectionEvent
  | ConnectionEndEvent
  | RequestEvent
  | ResponseEvent
  | BlockedEvent
  | SecretLeakEvent;

/** Names and values in the order of the wire, in lower or mixed case; a name may come twice. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

interface EventBase {
  /** Milliseconds since 1970, UTC. */
  readonly timestampMs: number;
}

/** One DNS question of the guest. */
export interface DnsEvent extends EventBase {
  readonly kind: 'dns';
  readonly name: string;
  /** `A`, `AAAA`, `MX`, … or `TYPE65280`. */
  readonly recordType: string;
  /** `refused`: policy lets nothing through to this name; its answer says so. */
  readonly outcome: 'answered' | 'refused';
}

/** A connection that policy let through, when it is dialled. */
export interface ConnectionEvent extends EventBase {
  readonly kind: 'connection';
  /** Counts up within one `Network`. */
  readonly connectionId: number;
  /** The name the guest asked DNS for; null for an address literal. */
  readonly host: string | null;
  /** The address really dialled; null before one was (HTTP connections dial per request). */
  readonly address: string | null;
  readonly port: number;
  readonly transport: Transport;
}

/** The end of a connection that had a {@link ConnectionEvent}. Bytes are those of the guest's side. */
export interface ConnectionEndEvent extends EventBase {
  readonly kind: 'connection_end';
  readonly connectionId: number;
  readonly host: string | null;
  readonly port: number;
  readonly transport: Transport;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly durationMs: number;
  /** Why it broke, in a few words; null after an orderly end. */
  readonly error: string | null;
}

/** What is known of a request once its header has come. */
interface RequestFacts {
  /** Counts up within one `Network`; the same in the request's and its response's event. */
  readonly requestId: number;
  readonly connectionId: number;
  readonly method: string;
  /** Absolute, with the port when it is not the scheme's own. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** As HAR has it: `HTTP/1.1`, `HTTP/2.0`. */
  readonly httpVersion: string;
  readonly requestHeaders: HeaderList;
  /** Names of the secrets that were put into this request. */
  readonly secrets: readonly string[];
}

/** A request that goes out, policy passed. */
export interface RequestEvent extends EventBase, RequestFacts {
  readonly kind: 'request';
}

/** The end of a request that went out, whether an answer came or not. `timestampMs` is when it ended. */
export interface ResponseEvent extends EventBase, RequestFacts {
  readonly kind: 'response';
  /** When its request began, milliseconds since 1970. */
  readonly startedMs: number;
  /** 100..599; 0 when none came. */
  readonly statusCode: number;
  readonly statusText: string;
  readonly responseHeaders: HeaderList;
  /** Address of the server; null when a hook answered or nothing was dialled. */
  readonly address: string | null;
  /** Bytes of the bodies as they crossed the wire. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** From the request's header to the last byte of the answer. */
  readonly durationMs: number;
  /** To the first byte of the answer; null when none came. */
  readonly waitMs: number | null;
  /** Why it broke, in a few words; null after a whole answer. */
  readonly error: string | null;
}

/** Something policy refused: a connection, or one request of it (then no request or response event comes). */
export interface BlockedEvent extends EventBase {
  readonly kind: 'blocked';
  /** The name, or the address literal where there is none. */
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  /** Of a request; null for a connection. */
  readonly method: string | null;
  readonly url: string | null;
  readonly httpVersion: string | null;
  readonly requestHeaders: HeaderList;
  /** What the guest was told: 403, …; null for a reset. */
  readonly statusCode: number | null;
  readonly reason: BlockReason;
  /** The entries, lists and checks that decided, the first one first. */
  readonly decidedBy: readonly Decider[];
  /** `decidedBy` in words, as the guest gets it: entries as they are written in gondolin.yaml. */
  readonly rule: string;
  /** The change to gondolin.yaml that would let it through; null where nothing should. */
  readonly suggest: Suggestion | null;
  /** `suggest` as YAML, as the guest gets it; empty for null. */
  readonly suggestion: string;
}

/** A placeholder on its way to where its secret may not go: refused. */
export interface SecretLeakEvent extends EventBase {
  readonly kind: 'secret_leak';
  /** Name of the secret. */
  readonly secret: string;
  readonly place: LeakPlace;
  readonly reason: LeakReason;
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  readonly method: string | null;
  readonly url: string | null;
  readonly httpVersion: string | null;
  readonly requestHeaders: HeaderList;
  readonly statusCode: number | null;
}

/** An event and the sandbox it is of: what the files and the run's events carry. */
export interface SandboxNetworkEvent {
  readonly sandbox: string;
  readonly event: NetworkEvent;
}

/** Told of each event, at once and in order. Must not throw. */
export type NetworkEventSink = (event: NetworkEvent) => void;
