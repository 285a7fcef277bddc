/**

 */
export type DenialReason =
  | 'mode_none'
  | 'invalid_host'
  | 'denied'
  | 'not_allowed'
  | 'rule'
  | 'private_address';

/** The policy lets it through; `rule` names the entry that does. */
export interface Allowed {
  readonly isAllowed: true;
  readonly rule: string;
}

/** The policy refuses. Every text here is printable ASCII and safe to show: names are canonical, paths are quoted. */
export interface Denied {
  readonly isAllowed: false;
  readonly reason: DenialReason;
  /** The entry or list that decided, e.g. `denied_hosts: "telemetry.example.com"`. */
  readonly rule: string;
  /** The next move: the YAML line to add under `network:`, or `remove "…" from denied_hosts`; empty when there is none. */
  readonly suggestion: string;
}

/** Answer of every question asked of a policy. */
export type Verdict = Allowed | Denied;

/** An {@link Allowed}. */
export function allow(rule: string): Allowed {
  return { isAllowed: true, rule };
}

/** A {@link Denied}. */
export function deny(reason: DenialReason, rule: string, suggestion: string): Denied {
  return { isAllowed: false, reason, rule, suggestion };
}
