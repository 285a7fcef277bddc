import type { AskOutcome } from '../ask/ask-options.ts';
import type {
  BlockReason,
  Decider,
  LeakPlace,
  LeakReason,
  Suggestion,
} from '../refusal/refusal.ts';
import type { HeaderList } from '../secret/header-list.ts';
import type { Transport } from '../transport.ts';

/**
 * An event on a sandbox's network, emitted by `Network` as plain data. Names, URLs, methods and headers come from the guest
 * or a server: untrusted text, bounded by the emitter. Everything is the guest's view: placeholders in requests, scrubbed
 * responses. `audit/` masks values once more before anything is printed or written.
 *
 * @example
 * const refused = new Set<string>();
 * const note = (event: NetworkEvent) => {
 *   if (event.kind === 'blocked') refused.add(`${event.host}: ${event.reason}`);
 * };
 */
export type NetworkEvent =
  | DnsEvent
  | ConnectionEvent
  | ConnectionEndEvent
  | RequestEvent
  | ResponseEvent
  | SshCommandEvent
  | BlockedEvent
  | SecretLeakEvent
  | AskEvent;

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
  /** `refused`: the policy allows nothing to this name; the response says so. */
  readonly outcome: 'answered' | 'refused';
}

/** A connection that the policy allowed, when it is dialled. */
export interface ConnectionEvent extends EventBase {
  readonly kind: 'connection';
  /** Counts up within one `Network`. */
  readonly connectionId: number;
  /** The name that the guest asked DNS for; null for an address. */
  readonly host: string | null;
  /** The dialled address; null if none has been dialled yet (HTTP connections dial per request). */
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
  /** The reason for a failure, in a few words; null after an orderly end. */
  readonly error: string | null;
}

/** A command that the policy allowed on a connection with transport `ssh`, when it is sent to the server. */
export interface SshCommandEvent extends EventBase {
  readonly kind: 'ssh_command';
  readonly connectionId: number;
  /** The name, or the address if there is none. */
  readonly host: string;
  readonly port: number;
  /** The user that the host logs in as. */
  readonly user: string;
  readonly command: string;
}

/** The facts of a request that are known from its head. */
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

/** A request that the policy allowed, when it is sent. */
export interface RequestEvent extends EventBase, RequestFacts {
  readonly kind: 'request';
}

/** The end of a request that was sent, with or without a response. `timestampMs` is the time of the end. */
export interface ResponseEvent extends EventBase, RequestFacts {
  readonly kind: 'response';
  /** Start of the request, milliseconds since 1970. */
  readonly startedMs: number;
  /** 100..599; 0 without a response. */
  readonly statusCode: number;
  readonly statusText: string;
  readonly responseHeaders: HeaderList;
  /** Address of the server; null when a hook responded or nothing was dialled. */
  readonly address: string | null;
  /** Bytes of the bodies as they crossed the wire. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** From the head of the request to the last byte of the response. */
  readonly durationMs: number;
  /** To the first byte of the response; null without one. */
  readonly waitMs: number | null;
  /** The reason for a failure, in a few words; null after a complete response. */
  readonly error: string | null;
}

/** A connection that was blocked, or one of its requests (which then has no `request` and `response` events). */
export interface BlockedEvent extends EventBase {
  readonly kind: 'blocked';
  /** The name, or the address if there is none. */
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  /** Method of the request; null for a connection. */
  readonly method: string | null;
  readonly url: string | null;
  readonly httpVersion: string | null;
  readonly requestHeaders: HeaderList;
  /** Status that the guest got, such as 403; null for a reset. */
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

/** A request or connection that was refused because it carries a placeholder to where its secret may not go. */
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

/** An answer to a question about a host that the policy does not name. */
export interface AskEvent extends EventBase, AskOutcome {
  readonly kind: 'ask';
}

/** An event with its sandbox, for files and the events of a run. */
export interface SandboxNetworkEvent {
  readonly sandbox: string;
  readonly event: NetworkEvent;
}

/**
 * Receives each event synchronously and in order. Must not throw.
 *
 * @example
 * const onNetworkEvent: NetworkEventSink = (event) => console.log(JSON.stringify(event));
 * const vm = await VM.create({ network: { policy: { mode: 'open' } }, onNetworkEvent });
 */
export type NetworkEventSink = (event: NetworkEvent) => void;
