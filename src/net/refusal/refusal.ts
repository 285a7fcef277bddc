import type { ErrorCode } from '../../errors/codes.ts';
import type { JudgedTransport } from '../transport.ts';

/**
 * The reason for not serving a request or connection, as data. It is built where the decision is made and passed unchanged
 * to the response, the event and the summary; `refusal-text.ts` turns it into words, and no code parses words back.
 */
export type Refusal = Blocked | Leak | Failed;

/** The closed vocabulary of `blocked` reasons, in the order of docs/network.md. */
export const BLOCK_REASONS = [
  'mode_none',
  'invalid_host',
  'denied',
  'not_allowed',
  'rule',
  'private_address',
  'name_mismatch',
  'hook',
  'protocol',
  'ssh_command',
  'ssh_host_key',
] as const;

/** Why something was blocked; docs/network.md, "Refusals", has the meaning of each. */
export type BlockReason = (typeof BLOCK_REASONS)[number];

/** Blocked by the policy, or by a check that no policy can turn off. */
export interface Blocked {
  readonly kind: 'blocked';
  readonly reason: BlockReason;
  /** The entries, lists and checks that decided, the first one first. */
  readonly decidedBy: readonly Decider[];
  /** The change to gondolin.yaml that lets it through; null when none should. */
  readonly suggest: Suggestion | null;
}

/** The part of the configuration, or the check, that decided. Entries are quoted as the user wrote them. */
export type Decider =
  /** `mode: none`. `host` is the destination. */
  | { readonly by: 'mode'; readonly host: string }
  | { readonly by: 'denied_hosts'; readonly entry: string }
  /** No entry of `allowed_hosts` covers it. `near` has up to three that cover the host on another port or transport. */
  | {
      readonly by: 'allowed_hosts';
      readonly near: readonly string[];
      readonly port: number;
      readonly transport: JudgedTransport;
    }
  /** Raw TCP in `mode: open`, where rules, hooks or secrets have to read requests. */
  | { readonly by: 'unread' }
  /** A rule that denies; `index` counts from 0. `reasons` has its `reason`, if it has one. */
  | {
      readonly by: 'rule';
      readonly index: number;
      readonly host: string;
      readonly reasons: readonly string[];
    }
  /** The host has `allow` rules, and none of them matches. `reasons`: the first three that they name. */
  | { readonly by: 'rules'; readonly reasons: readonly string[] }
  /** A range of `block_private_ips`, for example `private` and `10.0.0.0/8`. */
  | { readonly by: 'range'; readonly name: string; readonly cidr: string }
  | { readonly by: 'check'; readonly check: Check }
  /** `commands` of `network.ssh`, the user's `execPolicy`, or a kind of SSH session that is never carried. */
  | { readonly by: 'ssh'; readonly check: SshCheck; readonly asked: string }
  /** The server showed a key that is not the known one. `key` is its type and fingerprint. */
  | { readonly by: 'host_key'; readonly problem: HostKeyProblem; readonly key: string };

/** The part of `network.ssh` that refused a command. */
export type SshCheck = 'commands' | 'exec_policy' | 'session';

/** The difference between a server's key and what is known. `unverified`: the user's `hostVerifier` refused it. */
export type HostKeyProblem = 'unknown' | 'changed' | 'revoked' | 'unverified';

/** The checks that no policy can turn off. */
export type Check =
  | 'host_name'
  | 'dialled_address'
  | 'passthrough_without_name'
  | 'passthrough_encrypted_hello'
  | 'tls_server_name'
  | 'authority'
  | 'method'
  | 'target'
  | 'several_hosts'
  | 'missing_host'
  | 'http10_transfer_encoding'
  | 'overrides'
  | 'hook_url';

/** One change to `network:` in gondolin.yaml. */
export type Suggestion =
  | { readonly kind: 'add'; readonly list: AddableList; readonly entry: string }
  /** For a sandbox without a network: `mode: allowlist` and this entry of `allowed_hosts`. */
  | { readonly kind: 'open'; readonly entry: string }
  | { readonly kind: 'remove'; readonly list: 'denied_hosts'; readonly entry: string }
  /** A rule to put before the one that denies. `method` null: every method. */
  | {
      readonly kind: 'rule';
      readonly host: string;
      readonly method: string | null;
      readonly path: string;
    }
  /** An entry of `commands` of a host of `network.ssh`. */
  | { readonly kind: 'ssh_command'; readonly host: string; readonly command: string };

/** Lists that a refusal may suggest an entry for. */
export type AddableList = 'allowed_hosts' | 'allowed_private';

/** The part of a request or connection that held a placeholder. `connection`: elsewhere in the request. */
export type LeakPlace =
  | 'header'
  | 'path'
  | 'query'
  | 'body'
  | 'trailer'
  | 'websocket'
  | 'tcp'
  | 'connection';

/**
 * `host_not_listed`: its secret is not for that host. `not_tls`: not over plain HTTP. `place`: no value goes there. `revoked`:
 * the secret was revoked while the VM runs.
 */
export type LeakReason = 'host_not_listed' | 'not_tls' | 'place' | 'revoked';

/** A placeholder on its way to where its secret may not go. Safe to print: holds neither the value nor the placeholder. */
export interface Leak {
  readonly kind: 'leak';
  /** Name of the secret. */
  readonly secret: string;
  readonly place: LeakPlace;
  /** The place in more detail, for people: `header authorization`. */
  readonly where: string;
  readonly reason: LeakReason;
}

/** A limit was reached (`busy`, NET_SECRET_LIMIT, NET_BODY_LIMIT), or the server or a hook failed. */
export interface Failed {
  readonly kind: 'failed';
  readonly code: ErrorCode | 'busy';
  /** One sentence without its full stop. */
  readonly message: string;
}
