import { parseHost } from '../address/host.ts';
import { parseHostPattern } from '../address/parse-host-pattern.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { InternalHost } from '../net/internal-host.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import type { VM } from '../vm/vm.ts';

type ConnectingVm = Pick<VM, 'connect'>;

/** The errno that the guest's connect() gets for a failure in the other guest. */
const ERRNO: Readonly<Record<string, string>> = {
  VM_CONNECT_TIMEOUT: 'ETIMEDOUT',
  VM_CONNECT_UNREACHABLE: 'EHOSTUNREACH',
};

function refused(message: string, cause: unknown): GondolinError {
  const code = (GondolinError.is(cause) ? ERRNO[cause.code] : undefined) ?? 'ECONNREFUSED';
  const errno = Object.assign(new Error(message, { cause }), { code });
  return new GondolinError('NET_DIAL_FAILED', message, { cause: errno, details: { code } });
}

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
 * @param find  Returns the running VM of a sandbox, or null.
 */
export function reachableSandboxes(
  { name: own, dependsOn, network }: SandboxPlan,
  sandboxes: readonly Pick<SandboxPlan, 'name'>[],
  find: (name: string) => ConnectingVm | null,
): InternalHost[] {
  return sandboxes.flatMap(({ name }): InternalHost[] => {
    const host = parseHost(name);
    if (name === own || host?.kind !== 'name') return [];
    const isDependency = dependsOn.some((dependency) => dependency.name === name);
    const ports = isDependency ? null : listedPorts(host.name, network.allowedHosts);
    if (ports === undefined) return [];
    const rule = `${isDependency ? 'depends_on' : 'allowed_hosts'}: ${JSON.stringify(name)}`;
    const connect: InternalHost['connect'] = async (port, signal) => {
      const vm = find(name);
      if (vm === null) throw refused(`sandbox ${name} is not running`, null);
      try {
        return await vm.connect(port, { signal });
      } catch (error) {
        throw refused(`cannot connect to port ${port} of sandbox ${name}`, error);
      }
    };
    return [{ name: host.name, rule, ports, connect }];
  });
}
