import { readFile } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { HttpRule, PolicyOptions } from '../net/policy/policy-options.ts';
import type { UpstreamProxyOptions } from '../net/proxy/proxy-options.ts';
import { certificateProblem } from '../net/root-certificates.ts';
import type { SshOptions } from '../net/ssh/ssh-options.ts';
import type { NetworkPlan, SandboxPlan } from '../plan/plan.ts';
import type { VMNetwork } from '../vm/guest-network.ts';

/**
 * Prepares the network options of a sandbox, with what its plan only refers to: values of secrets, certificates, the
 * policy script.
 * @param env  The environment that secrets from variables are read from.
 * @throws {GondolinError} NET_SECRET_UNREADABLE, NET_SECRET_INVALID, PROJECT_CA_INVALID, PROJECT_POLICY_SCRIPT_INVALID.
 */
export async function sandboxNetwork(
  { network, secrets }: Pick<SandboxPlan, 'network' | 'secrets'>,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<VMNetwork> {
  const proxy = network.upstreamProxy;
  const [values, caPems, hooks, upstreamProxy] = await Promise.all([
    secrets.length === 0 ? [] : readValues(secrets, env, signal),
    readCaFiles(network.ca),
    network.policyScript === null ? undefined : loadHooks(network.policyScript),
    proxy === null ? undefined : proxyOptions(proxy, env, signal),
  ]);
  return {
    ...networkOptions(network, { secrets: values, caPems }),
    ...(hooks === undefined ? {} : { hooks }),
    ...(upstreamProxy === undefined ? {} : { upstreamProxy }),
    ...(network.ssh.length === 0 ? {} : { ssh: sshOptions(network.ssh, env) }),
  };
}

/**
 * Converts `network.ssh` to the options of `net/`.
 * @throws {GondolinError} NET_SSH_INVALID when an agent is wanted and none runs.
 */
function sshOptions(
  entries: NetworkPlan['ssh'],
  env: Readonly<Record<string, string | undefined>>,
): SshOptions {
  const agent = env['SSH_AUTH_SOCK'];
  const wantsAgent = entries.find((entry) => entry.key === null);
  if (wantsAgent !== undefined && (agent === undefined || agent === '')) {
    throw new GondolinError(
      'NET_SSH_INVALID',
      `network.ssh: ${wantsAgent.hosts.join(', ')}: agent: true, but SSH_AUTH_SOCK is not set`,
      { hint: 'Start an ssh-agent, or name a private key by key: PATH.' },
    );
  }
  const byHost = <Value>(map: (entry: NetworkPlan['ssh'][number]) => Value) => {
    const values = new Map<string, Value>();
    for (const entry of entries) {
      // The first entry that names a host counts, as in the file.
      for (const host of entry.hosts) if (!values.has(host)) values.set(host, map(entry));
    }
    return Object.fromEntries(values);
  };
  const knownHosts = [...new Set(entries.flatMap((entry) => entry.knownHosts))];
  return {
    allowedHosts: [...new Set(entries.flatMap(({ hosts }) => hosts))],
    credentials: byHost(({ user, key }) => ({
      ...(user === null ? {} : { username: user }),
      ...(key === null ? {} : { privateKeyFile: key }),
    })),
    commands: byHost(({ commands }) => commands),
    ...(wantsAgent === undefined ? {} : { agent }),
    ...(knownHosts.length === 0 ? {} : { knownHostsFile: knownHosts }),
  };
}

async function proxyOptions(
  { credentials: from, ...proxy }: NonNullable<NetworkPlan['upstreamProxy']>,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<UpstreamProxyOptions> {
  if (from === null) return proxy;
  const [read] = await readValues([{ ...NO_SECRET, from }], env, signal);
  return { ...proxy, credentials: read?.value };
}

/** Credentials are read like a secret, which no guest gets. */
const NO_SECRET = {
  name: 'upstream_proxy',
  hosts: [],
  headers: [],
  query: false,
  allowHttp: false,
} as const;

async function readValues(
  secrets: SandboxPlan['secrets'],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
) {
  const { readSecrets } = await import('../net/secret/read-source.ts');
  return readSecrets(secrets, { env, signal });
}

async function loadHooks(path: string) {
  const { loadPolicyScript } = await import('./load-policy-script.ts');
  return loadPolicyScript(path);
}

/** The options of `Network` that come from a plan. */
export interface PlannedNetwork<Secret> {
  readonly policy: PolicyOptions;
  readonly secrets: readonly Secret[];
  /** Additional root certificates for servers, PEM. */
  readonly ca: readonly string[];
  readonly passthrough: readonly string[];
}

/** Facts that a plan only refers to. */
export interface NetworkFacts<Secret> {
  /** The secrets of the plan with their values. */
  readonly secrets: readonly Secret[];
  /** Contents of the files of `network.ca`, in order. */
  readonly caPems: readonly string[];
}

function ruleFacts({
  host,
  methods,
  paths,
  action,
  reason,
}: NetworkPlan['rules'][number]): HttpRule {
  return {
    host,
    // An empty list means "every" in a plan, but "none" in a policy.
    ...(methods.length === 0 ? {} : { methods }),
    ...(paths.length === 0 ? {} : { paths }),
    action,
    ...(reason === '' ? {} : { reason }),
  };
}

/** Converts the network of a sandbox's plan to the options of `net/`. Pure. */
export function networkOptions<Secret>(
  network: NetworkPlan,
  { secrets, caPems }: NetworkFacts<Secret>,
): PlannedNetwork<Secret> {
  const extraHosts = network.extraHosts.map(({ name, address, port }) => {
    return port === null ? { name, address } : { name, address, port };
  });
  const { mode, allowedHosts, deniedHosts, blockPrivateIps, allowedPrivate, passthrough } = network;
  return {
    policy: {
      mode,
      allowedHosts,
      deniedHosts,
      rules: network.rules.map(ruleFacts),
      blockPrivateIps,
      allowedPrivate,
      extraHosts,
    },
    secrets,
    ca: caPems,
    passthrough,
  };
}

const MAX_PEM_BYTES = 4 * 2 ** 20;

/**
 * Reads the files of `network.ca`.
 * @throws {GondolinError} PROJECT_CA_INVALID when one cannot be read, exceeds 4 MiB, or has no certificate or an invalid
 *   one.
 */
export async function readCaFiles(paths: readonly string[]): Promise<string[]> {
  const invalid = (path: string, problem: string, cause?: unknown) =>
    new GondolinError('PROJECT_CA_INVALID', `network.ca: ${path}: ${problem}`, {
      ...(cause === undefined ? {} : { cause }),
    });
  return Promise.all(
    paths.map(async (path) => {
      const bytes = await readFile(path).catch((error: unknown) => {
        throw invalid(path, 'cannot be read', error);
      });
      if (bytes.length > MAX_PEM_BYTES) throw invalid(path, 'is larger than 4 MiB');
      const text = bytes.toString('utf8');
      const problem = certificateProblem(text);
      if (problem !== null) throw invalid(path, problem);
      return text;
    }),
  );
}
