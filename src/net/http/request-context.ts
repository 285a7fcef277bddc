/** Where requests of one guest connection go. */
export interface Target {
  /** Lower-case name, or an IP literal (then `isLiteral`). */
  readonly name: string;
  readonly isLiteral: boolean;
  readonly port: number;
  readonly scheme: 'http' | 'https';
}

/** The version of HTTP of the guest's side: `http2` is offered to a server over TLS, and spoken outright without (h2c). */
export type GuestProtocol = 'http1' | 'http2';

/** Facts of a guest connection, against which each of its requests is judged. */
export interface RequestContext extends Target {
  /** Counts up within one `Network`. */
  readonly connectionId: number;
  readonly protocol: GuestProtocol;
  /** `Host` for this target: the port only where it is not the scheme's own. */
  readonly authority: string;
  /** Adds up the bodies of its requests, for the event of its end. */
  readonly traffic: { sentBytes: number; receivedBytes: number };
  /** The policy refused the connection: requests only get the reason, unless an update allows them. */
  readonly wasRefused: boolean;
  /** The user has allowed this request, which no entry of the policy does. @default false */
  readonly isGranted?: boolean;
}
