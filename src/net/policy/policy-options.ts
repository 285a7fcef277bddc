import { DEFAULT_NETWORK } from '../../config/defaults.ts';

/**
 * One row of `rules`; the first that matches a request decides.
 *
 * @example
 * const rule: HttpRule = {
 *   host: 'api.github.com',
 *   methods: ['GET'],
 *   paths: ['/user', '/zen'],
 *   action: 'allow',
 *   reason: 'this token is for reading only',
 * };
 * const vm = await VM.create({
 *   network: { policy: { allowedHosts: ['api.github.com'], rules: [rule] } },
 * });
 */
export interface HttpRule {
  /** Host pattern as in `allowed_hosts`; without a port it means every port. */
  readonly host: string;
  /** Absent: every method. */
  readonly methods?: readonly string[];
  /** Globs: `*` within a segment, `**` for any depth. Absent: every path. */
  readonly paths?: readonly string[];
  readonly action: 'allow' | 'deny';
  /**
   * Why, in one line of up to 200 characters: the guest gets it in the response to a request that this rule denies, or that no
   * `allow` rule of the host matches. @default none
   */
  readonly reason?: string;
}

/**
 * One row of `extra_hosts`: connections to `name` dial `address`, at `port` when it is given.
 *
 * @example
 * const extraHosts: ExtraHost[] = [{ name: 'api.test', address: '127.0.0.1', port: 8443 }];
 * const { httpHooks } = createHttpHooks({ extraHosts });
 */
export interface ExtraHost {
  readonly name: string;
  readonly address: string;
  /** 1..65535. Without it the port the guest asked for is dialled. */
  readonly port?: number;
}

/**
 * `none`: no network device. `allowlist`: only the hosts listed. `open`: every public host except those denied.
 *
 * @example
 * const mode: PolicyMode = 'open';
 * const vm = await VM.create({ network: { policy: { mode, deniedHosts: ['stats.example.com'] } } });
 */
export type PolicyMode = 'none' | 'allowlist' | 'open';

/**
 * The keys of `network:` that decide what a guest may reach. Each is optional and has the default of a project file:
 * `{}` allows nothing.
 *
 * @example
 * const policy: PolicyOptions = { allowedHosts: ['registry.example.com'] };
 * const vm = await VM.create({ network: { policy } });
 */
export interface PolicyOptions {
  /** @default 'allowlist' */
  readonly mode?: PolicyMode;
  /** Host entries as in `allowed_hosts`. @default none */
  readonly allowedHosts?: readonly string[];
  /** Host entries as in `denied_hosts`. @default none */
  readonly deniedHosts?: readonly string[];
  /** @default none */
  readonly rules?: readonly HttpRule[];
  /** Refuse hosts whose address is private; `blockInternalRanges` in `createHttpHooks`. @default true */
  readonly blockPrivateIps?: boolean;
  /** Hosts, addresses and CIDR blocks that may be private. @default none */
  readonly allowedPrivate?: readonly string[];
  /** @default none */
  readonly extraHosts?: readonly ExtraHost[];
}

/** Fills in the defaults of a project file. A field that is `undefined` counts as absent. */
export function withPolicyDefaults(options: PolicyOptions): Required<PolicyOptions> {
  return {
    mode: options.mode ?? DEFAULT_NETWORK.mode,
    allowedHosts: options.allowedHosts ?? [],
    deniedHosts: options.deniedHosts ?? [],
    rules: options.rules ?? [],
    blockPrivateIps: options.blockPrivateIps ?? DEFAULT_NETWORK.blockPrivateIps,
    allowedPrivate: options.allowedPrivate ?? [],
    extraHosts: options.extraHosts ?? [],
  };
}
