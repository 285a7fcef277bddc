import { parseHost } from '../address/host.ts';
import { parseHostPattern } from '../address/parse-host-pattern.ts';
import type { InternalHost } from '../net/internal-host.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import type { RunningSandboxes } from './running-sandboxes.ts';

/** Returns the ports of a sandbox that `allowed_hosts` opens by its exact name: null for every port; undefined if none does. */
function listedPorts(name: string, allowedHosts: readonly string[]): number[] | null | undefined {
  const ports: number[] = [];
  for (const entry of allowedHosts) {
    const { pattern } = parseHostPattern(entry);
    if (pattern?.host.kind !== 'name' || pattern.host.name !== name) continue;
    if (typeof pattern.port !== 'number') return null;
    ports.push(pattern.port);
  }
  return ports.length === 0 ? undefined : ports;
}

/**
 * Returns the sandboxes that one may reach by their names: those that it depends on, on every port, and those that its
 * `allowed_hosts` names. A sandbox whose name is no host name, such as `20`, cannot be reached.
 *
 * @param connectTo  Connects to a port of a sandbox; see `RunningSandboxes.connect`.
 */
export function reachableSandboxes(
  { name: own, dependsOn, network }: SandboxPlan,
  sandboxes: readonly Pick<SandboxPlan, 'name'>[],
  connectTo: RunningSandboxes['connect'],
): InternalHost[] {
  return sandboxes.flatMap(({ name }): InternalHost[] => {
    const host = parseHost(name);
    if (name === own || host?.kind !== 'name') return [];
    const isDependency = dependsOn.some((dependency) => dependency.name === name);
    const ports = isDependency ? null : listedPorts(host.name, network.allowedHosts);
    if (ports === undefined) return [];
    const rule = `${isDependency ? 'depends_on' : 'allowed_hosts'}: ${JSON.stringify(name)}`;
    const connect: InternalHost['connect'] = (port, signal) => connectTo(name, port, signal);
    return [{ name: host.name, rule, ports, connect }];
  });
}
