import type { OnAsk } from '../ask/ask-options.ts';
import type { NetworkOptions } from '../network-options.ts';
import { ExtraHosts } from '../policy/extra-hosts.ts';
import type { ExtraHost } from '../policy/policy-options.ts';
import type { UpstreamProxyOptions } from '../proxy/proxy-options.ts';
import { proxyOptions, UpstreamProxy } from '../proxy/upstream-proxy.ts';
import { checkRoots } from '../root-certificates.ts';
import { createPlaceholderSeed } from '../secret/placeholder.ts';
import type { ResolvedSecret } from '../secret/secret-options.ts';
import { SecretStore } from '../secret/secret-store.ts';
import { checkSecretValue } from '../secret/secret-value.ts';
import { hideSshKeys } from '../ssh/hide-ssh-keys.ts';
import type { SshOptions } from '../ssh/ssh-options.ts';
import { HTTP_HOOKS, type RequestHooks } from './http-hooks.ts';

/**
 * A secret as `createHttpHooks` takes it.
 *
 * @example
 * const token: HttpHookSecret = {
 *   hosts: ['api.github.com'],
 *   value: process.env['GITHUB_TOKEN'],
 *   headers: ['authorization'],
 * };
 * const { httpHooks, env } = createHttpHooks({ secrets: { GITHUB_TOKEN: token } });
 */
export interface HttpHookSecret {
  /** Hosts that may have the value; they are allowed too. */
  readonly hosts: readonly string[];
  readonly value: string | undefined;
  /** Fields of requests that the value belongs in, such as `authorization`. @default every field */
  readonly headers?: readonly string[];
}

/**
 * Options of `createHttpHooks`.
 *
 * @example
 * const options: HttpHooksOptions = {
 *   allowedHosts: ['registry.example.com'],
 *   onResponse: (response, request) => console.log(request.url, response.status),
 * };
 * const { httpHooks } = createHttpHooks(options);
 */
export interface HttpHooksOptions extends RequestHooks {
  /** Hosts the guest may reach, as `allowed_hosts`; `*` (or `.*`) is every name on ports 80 and 443. @default none */
  readonly allowedHosts?: readonly string[];
  /** By the name of the guest's variable. @default none */
  readonly secrets?: Readonly<Record<string, HttpHookSecret>>;
  /** Refuse hosts whose address is private. @default true */
  readonly blockInternalRanges?: boolean;
  /** Hosts, addresses and CIDR blocks that may be private all the same. @default none */
  readonly allowedInternalHosts?: readonly string[];
  /** Swap placeholders in the query of URLs too. @default false */
  readonly replaceSecretsInQuery?: boolean;
  /** Names that lead to addresses of your choice, as `extra_hosts`; they may be private and are allowed. @default none */
  readonly extraHosts?: readonly ExtraHost[];
  /** Further roots that servers' certificates are verified against: PEM, one text or several. @default none */
  readonly ca?: string | readonly string[];
  /** SSH servers that the guest may reach with the host's credentials. @default none */
  readonly ssh?: SshOptions;
  /** The proxy through which servers are reached, or its URL. @default none */
  readonly upstreamProxy?: string | UpstreamProxyOptions;
  /** Asked about a host that `allowedHosts` does not name. @default such hosts are refused */
  readonly onAsk?: OnAsk;
  /** Time for its answer, in milliseconds; then it is `never`. @default 60000 */
  readonly askTimeoutMs?: number;
}

/**
 * A network policy for `VM.create`, made by {@link createHttpHooks} only. Printing it shows no secret value.
 *
 * @example
 * const { httpHooks }: { httpHooks: HttpHooks } = createHttpHooks({ allowedHosts: ['registry.example.com'] });
 * const vm = await VM.create({ httpHooks });
 */
export interface HttpHooks {
  readonly [HTTP_HOOKS]: true;
  /** @internal */
  readonly network: Required<
    Pick<NetworkOptions, 'policy' | 'secrets' | 'hooks' | 'placeholderSeed'>
  > &
    Pick<NetworkOptions, 'ca' | 'ssh' | 'upstreamProxy' | 'onAsk' | 'askTimeoutMs'>;
}

/**
 * Describes the network of a VM in code: what `network:` and `secrets:` are in a file.
 *
 * @returns `httpHooks` and `env`, both for `VM.create`; `env` holds a placeholder for each secret.
 * @throws {GondolinError} NET_SECRET_INVALID for a value or a host that cannot be used, NET_CA_INVALID for a text of `ca`,
 *   NET_PROXY_INVALID for `upstreamProxy`, NET_PATTERN_INVALID for an entry of `extraHosts`; other patterns are checked by the VM.
 *
 * @example
 * const { httpHooks, env } = createHttpHooks({
 *   allowedHosts: ['registry.example.com'],
 *   secrets: { GITHUB_TOKEN: { hosts: ['api.github.com'], value: process.env['GITHUB_TOKEN'] } },
 * });
 * const vm = await VM.create({ httpHooks, env });
 */
export function createHttpHooks(options: HttpHooksOptions = {}): {
  httpHooks: HttpHooks;
  env: Record<string, string>;
} {
  const { allowedHosts = [], allowedInternalHosts = [], blockInternalRanges = true } = options;
  const secrets = Object.entries(options.secrets ?? {}).map(
    ([name, secret]): ResolvedSecret => ({
      name,
      hosts: secret.hosts,
      headers: secret.headers ?? [],
      value: checkSecretValue(name, secret.value ?? ''),
      query: options.replaceSecretsInQuery === true,
    }),
  );
  const named = [...allowedHosts, ...secrets.flatMap(({ hosts }) => hosts)];
  const { extraHosts = [], ca, ssh, upstreamProxy, onAsk, askTimeoutMs } = options;
  const roots = typeof ca === 'string' ? [ca] : ca;
  checkRoots(roots ?? []);
  new ExtraHosts(extraHosts);
  if (upstreamProxy !== undefined) new UpstreamProxy(proxyOptions(upstreamProxy));
  const seed = createPlaceholderSeed();
  const { onRequestHead, onRequest, onResponse } = options;
  const network = {
    policy: {
      mode: 'allowlist',
      allowedHosts: [...new Set(named)],
      deniedHosts: [],
      rules: [],
      blockPrivateIps: blockInternalRanges,
      allowedPrivate: allowedInternalHosts,
      extraHosts,
    },
    ...(roots === undefined ? {} : { ca: roots }),
    ...(ssh === undefined ? {} : { ssh: hideSshKeys(ssh) }),
    ...(onAsk === undefined ? {} : { onAsk }),
    ...(askTimeoutMs === undefined ? {} : { askTimeoutMs }),
    ...(upstreamProxy === undefined ? {} : { upstreamProxy: proxyOptions(upstreamProxy) }),
    secrets,
    hooks: { onRequestHead, onRequest, onResponse },
    placeholderSeed: seed.toString('hex'),
  } as const;
  const httpHooks: HttpHooks = Object.freeze({ [HTTP_HOOKS]: true as const, network });
  return { httpHooks, env: { ...new SecretStore(secrets, seed).env } };
}
