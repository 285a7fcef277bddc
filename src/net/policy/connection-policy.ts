import { formatHost, type Host } from '../../address/host.ts';
import { innerAddress } from '../../address/ranges.ts';
import type { InternalHost, InternalHosts } from '../internal-host.ts';
import type { Decider } from '../refusal/refusal.ts';
import type { JudgedTransport } from '../transport.ts';
import type { ExtraHosts } from './extra-hosts.ts';
import type { HostPatterns } from './host-patterns.ts';
import { type ListedPattern, WEB_PORTS } from './listed-pattern.ts';
import type { PolicyMode } from './policy-options.ts';
import { hostEntry, suggestAllowed } from './suggest.ts';
import { allow, type Denied, deny, type Verdict } from './verdict.ts';

/** The parts of a policy that {@link ConnectionPolicy} needs. */
export interface ConnectionPolicyParts {
  readonly mode: PolicyMode;
  readonly allowed: HostPatterns;
  readonly denied: HostPatterns;
  readonly extraHosts: ExtraHosts;
  readonly internalHosts: InternalHosts;
  /** Hosts of `network.ssh`, whose connections are ended on the host. */
  readonly ssh: HostPatterns;
  /** Rules, hooks or secrets depend on reading requests: in `mode: open` raw bytes need an entry with `/tcp`. */
  readonly readsRequests: boolean;
}

/** A host, and the IPv4 address inside a NAT64 one. */
function sameHosts(host: Host): readonly Host[] {
  if (host.kind === 'name') return [host];
  return [host, { kind: 'address', address: innerAddress(host.address) }];
}

function deniedBy(pattern: ListedPattern): Denied {
  const { entry } = pattern;
  const suggest = { kind: 'remove', list: 'denied_hosts', entry } as const;
  return deny('denied', { by: 'denied_hosts', entry }, suggest);
}

function allowedBy(field: string, entry: string): Verdict {
  return allow(`${field}: ${JSON.stringify(entry)}`);
}

/** Says that no entry covers a connection, and which ones nearly do. */
function uncovered(
  covering: readonly ListedPattern[],
  port: number,
  transport: JudgedTransport,
): Decider {
  const near = covering.slice(0, 3).map(({ entry }) => entry);
  return { by: 'allowed_hosts', near, port, transport };
}

/** Judges a connection to another VM of this process: always raw bytes, so that it is the same for every protocol. */
function judgeInternal(
  { rule, ports }: InternalHost,
  host: Host,
  port: number,
  transport: JudgedTransport,
): Verdict {
  const isListed = ports === null || ports.includes(port);
  if (isListed && transport === 'tcp') return allow(rule);
  return deny('not_allowed', uncovered([], port, transport), suggestAllowed(host, port, 'tcp'));
}

/** Steps 1 to 4 of the decision order: mode, `denied_hosts`, `extra_hosts`, `allowed_hosts`. Pure. */
export class ConnectionPolicy {
  readonly #parts: ConnectionPolicyParts;

  constructor(parts: ConnectionPolicyParts) {
    this.#parts = parts;
  }

  /** @param port  1..65535, checked by the caller. */
  decide(host: Host, port: number, transport: JudgedTransport): Verdict {
    const { mode, allowed, denied, extraHosts, readsRequests } = this.#parts;
    const isTcp = transport === 'tcp';
    if (mode === 'none') return this.#noNetwork(host, port, transport);
    const refusal = sameHosts(host)
      .flatMap((one) => denied.covering(one))
      .find(
        (entry) =>
          (entry.port === 'any' || entry.port === port) &&
          (isTcp || transport === 'ssh' || !entry.isTcp),
      );
    if (refusal) return deniedBy(refusal);
    if (transport === 'ssh') return this.#decideSsh(host, port);
    const internal = this.#internal(host);
    if (internal !== undefined) return judgeInternal(internal, host, port, transport);
    if (mode === 'open' && !(isTcp && readsRequests)) return allow('mode: open');
    const extra = host.kind === 'name' && !isTcp ? extraHosts.get(host.name) : null;
    if (extra && (extra.port !== undefined || WEB_PORTS.includes(port)))
      return allowedBy('extra_hosts', extra.name);
    const entry = allowed.find(host, port, isTcp);
    if (entry) return allowedBy('allowed_hosts', entry.entry);
    const decider: Decider =
      mode === 'open' ? { by: 'unread' } : uncovered(allowed.covering(host), port, transport);
    return deny('not_allowed', decider, suggestAllowed(host, port, transport));
  }

  #decideSsh(host: Host, port: number): Verdict {
    const { ssh } = this.#parts;
    const entry = ssh.find(host, port);
    if (entry) return allowedBy('ssh', entry.entry);
    return deny('not_allowed', uncovered(ssh.covering(host), port, 'ssh'));
  }

  /** Decides whether a name may be reached on any port by any transport. */
  decideName(host: Host): Verdict {
    const { mode, allowed, denied, extraHosts, ssh } = this.#parts;
    if (mode === 'none') return this.#noNetwork(host, 0, 'https');
    const refusal = sameHosts(host)
      .flatMap((one) => denied.covering(one))
      .find(({ port, isTcp }) => port === 'any' && !isTcp);
    if (refusal) return deniedBy(refusal);
    const internal = this.#internal(host);
    if (internal !== undefined) return allow(internal.rule);
    if (mode === 'open') return allow('mode: open');
    if (host.kind === 'name' && extraHosts.get(host.name))
      return allowedBy('extra_hosts', host.name);
    const entry = allowed.covering(host)[0];
    if (entry) return allowedBy('allowed_hosts', entry.entry);
    const server = ssh.covering(host)[0];
    if (server) return allowedBy('ssh', server.entry);
    return deny('not_allowed', uncovered([], 0, 'https'), suggestAllowed(host, 0, 'https'));
  }

  #internal(host: Host): InternalHost | undefined {
    return host.kind === 'name' ? this.#parts.internalHosts.get(host.name) : undefined;
  }

  #noNetwork(host: Host, port: number, transport: JudgedTransport): Denied {
    const entry = hostEntry(host, port, transport);
    return deny('mode_none', { by: 'mode', host: formatHost(host) }, { kind: 'open', entry });
  }
}
