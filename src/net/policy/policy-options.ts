/** One row of `rules`; the first that matches a request decides. */
export interface HttpRule {
  /** Host pattern as in `allowed_hosts`; without a port it means every port. */
  readonly host: string;
  /** Absent: every method. */
  readonly methods?: readonly string[];
  /** Globs: `*` within a segment, `**` for any depth. Absent: every path. */
  readonly paths?: readonly string[];
  readonly action: 'allow' | 'deny';
}

/** One row of `extra_hosts`: connections to `name` dial `address`, at `port` when it is given. */
export interface ExtraHost {
  readonly name: string;
  readonly address: string;
  /** 1..65535. Without it the port the guest asked for is dialled. */
  readonly port?: number;
}

/** What `network:` says, with every default filled in. */
export interface PolicyOptions {
  readonly mode: 'none' | 'allowlist' | 'open';
  readonly allowedHosts: readonly string[];
  readonly deniedHosts: readonly string[];
  readonly rules: readonly HttpRule[];
  readonly blockPrivateIps: boolean;
  readonly allowedPrivate: readonly string[];
  readonly extraHosts?: readonly ExtraHost[];
}
