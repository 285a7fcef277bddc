import { formatHost, type Host, parseHost } from '../../address/host.ts';
import { formatAddress } from '../../address/ip-address.ts';
import { isPort } from '../../address/port.ts';
import type { InternalHosts } from '../internal-host.ts';
import type { JudgedTransport } from '../transport.ts';
import { AddressPolicy } from './address-policy.ts';
import { ConnectionPolicy } from './connection-policy.ts';
import { ExtraHosts } from './extra-hosts.ts';
import { HostAddresses } from './host-addresses.ts';
import { compileHostPatterns } from './host-patterns.ts';
import { HttpRules } from './http-rules.ts';
import { isAskable } from './is-askable.ts';
import {
  type ExtraHost,
  type PolicyMode,
  type PolicyOptions,
  withPolicyDefaults,
} from './policy-options.ts';
import { rawPortTest } from './raw-ports.ts';
import { refuseLiteral } from './refuse-literal.ts';
import { compileSshHosts } from './ssh-hosts.ts';
import { allow, deny, type Verdict } from './verdict.ts';

/** A connection to judge. */
export interface ConnectionQuestion {
  /** Untrusted: the name that DNS gave this address to, or null when the guest dialled an address. */
  readonly name: string | null;
  /** Untrusted: the destination the guest opened; judged when there is no name. */
  readonly address: string;
  readonly port: number;
  readonly transport: JudgedTransport;
  /** The user has allowed it. @default false */
  readonly isGranted?: boolean;
}

/** A request to judge, on a connection that has been judged. All of it is untrusted. */
export interface RequestQuestion {
  /** A name, or an address when the guest dialled one. */
  readonly name: string;
  readonly port: number;
  readonly scheme: 'https' | 'http';
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  /** The user has allowed it. @default false */
  readonly isGranted?: boolean;
}

/** A compiled policy: pure functions that never throw. docs/network.md has the order of decisions. */
export interface Policy {
  readonly mode: PolicyMode;
  /** Exact names the policy mentions as reachable, canonical, in writing order. */
  readonly names: readonly string[];
  /** False when the policy can allow nothing but HTTP and HTTPS. */
  readonly allowsTcp: boolean;
  /** Returns true when a connection to this port means raw TCP, whatever its host. */
  isRawPort(port: number): boolean;
  /** Decides for DNS whether a name may be reached on any port. */
  decideName(name: string): Verdict;
  decideConnection(question: ConnectionQuestion): Verdict;
  /** Judges the connection again, then `rules`. */
  decideRequest(question: RequestQuestion): Verdict;
  /** Judges the address that is dialled, for new and reused connections. `name` is null if the guest dialled an address. */
  decideAddress(address: string, name: string | null, port?: number): Verdict;
  /** Returns the `extra_hosts` entry of a name, or null. */
  extraHost(name: string): ExtraHost | null;
}

/** The decisions that the data path needs: pure, and equal for equal questions as long as a VM lives. */
export type PolicyJudge = Pick<
  Policy,
  'decideConnection' | 'decideRequest' | 'decideAddress' | 'extraHost' | 'isRawPort'
>;

/** Shared by all policies of the process. */
const OWN_ADDRESSES = new HostAddresses();

const INVALID = deny('invalid_host', { by: 'check', check: 'host_name' });

/** The parts of a network outside its policy that decide whether requests have to be read. */
export interface PolicyFacts {
  /** @default false */
  readonly hasHooks?: boolean;
  /** @default false */
  readonly hasSecrets?: boolean;
  /** Hosts of `network.ssh`. @default none */
  readonly sshHosts?: readonly string[];
  /** @default none */
  readonly internalHosts?: InternalHosts;
  /** @default this machine's */
  readonly hostAddresses?: HostAddresses;
  /** Returns true for a host that the user has allowed. @default none */
  readonly grants?: (host: string, port: number, transport: JudgedTransport) => boolean;
}

const NO_INTERNAL_HOSTS: InternalHosts = new Map();
const NO_GRANTS = (): boolean => false;

/**
 * Compiles `network:` once.
 * @throws {GondolinError} NET_PATTERN_INVALID naming the list, the entry and what to write instead.
 */
export function compilePolicy(
  given: PolicyOptions,
  {
    hasHooks = false,
    hasSecrets = false,
    sshHosts = [],
    internalHosts = NO_INTERNAL_HOSTS,
    hostAddresses = OWN_ADDRESSES,
    grants = NO_GRANTS,
  }: PolicyFacts = {},
): Policy {
  const options = withPolicyDefaults(given);
  const extraHosts = new ExtraHosts(options.extraHosts);
  const allowed = compileHostPatterns(options.allowedHosts, 'allowed_hosts', {
    defaultPort: 'web',
  });
  const denied = compileHostPatterns(options.deniedHosts, 'denied_hosts', { isDeep: true });
  const ssh = compileSshHosts(sshHosts);
  const rules = new HttpRules(options.rules);
  const hosts = { extraHosts, allowed, denied, ssh };
  const addresses = new AddressPolicy({ ...options, ...hosts, hostAddresses });
  const readsRequests = hasHooks || hasSecrets || options.rules.length > 0;
  const connections = new ConnectionPolicy({
    mode: options.mode,
    ...hosts,
    internalHosts,
    readsRequests,
  });
  const judged = (host: Host, port: number, verdict: Verdict): Verdict => {
    if (verdict.isAllowed || host.kind === 'name') return verdict;
    const dialled = addresses.decide(formatAddress(host.address), null, port);
    return refuseLiteral(verdict, host.address, dialled);
  };
  const decideHost = (
    host: Host | null,
    port: number,
    transport: JudgedTransport,
    isGranted = false,
  ): Verdict => {
    if (host === null || !isPort(port)) return INVALID;
    const verdict = judged(host, port, connections.decide(host, port, transport));
    if (verdict.isAllowed || !isAskable(verdict)) return verdict;
    return isGranted || grants(formatHost(host), port, transport) ? allow('onAsk') : verdict;
  };
  return {
    mode: options.mode,
    allowsTcp: (options.mode === 'open' && !readsRequests) || allowed.hasTcp,
    isRawPort: rawPortTest(allowed.all),
    names: [...new Set([...extraHosts.names, ...allowed.names, ...ssh.names])],
    decideName(name) {
      const host = parseHost(name);
      return host === null ? INVALID : judged(host, 0, connections.decideName(host));
    },
    decideConnection: ({ name, address, port, transport, isGranted }) =>
      decideHost(parseHost(name ?? address), port, transport, isGranted),
    decideRequest({ name, port, scheme, method, path, isGranted }) {
      const host = parseHost(name);
      const verdict = decideHost(host, port, scheme, isGranted);
      if (host === null || !verdict.isAllowed) return verdict;
      return rules.decide(host, port, method, path) ?? verdict;
    },
    decideAddress: (address, name, port) => addresses.decide(address, name, port ?? 0),
    extraHost(name) {
      const host = parseHost(name);
      return host?.kind === 'name' ? extraHosts.get(host.name) : null;
    },
  };
}
