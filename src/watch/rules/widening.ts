import { isDeepStrictEqual } from 'node:util';
import type { MountPlan, NetworkPlan, Plan, SandboxPlan } from '../../plan/plan.ts';

const MODES: readonly NetworkPlan['mode'][] = ['none', 'allowlist', 'open'];

/** Returns the items that are new, by what `show` says of them. */
function added<T>(before: readonly T[], after: readonly T[], show: (item: T) => string): string[] {
  const known = new Set(before.map(show));
  return after.map(show).filter((text) => !known.has(text));
}

function same(text: string): string {
  return text;
}

function networkChanges(before: NetworkPlan, after: NetworkPlan): string[] {
  const list = (key: 'allowedHosts' | 'allowedPrivate' | 'ca' | 'passthrough', name: string) =>
    added(before[key], after[key], same).map((item) => `network.${name}: ${item}`);
  const changed = (key: 'rules' | 'policyScript' | 'upstreamProxy' | 'ssh', name: string) =>
    isDeepStrictEqual(before[key], after[key]) ? [] : [`network.${name} changed`];
  const undenied = added(after.deniedHosts, before.deniedHosts, same);
  const extra = added(
    before.extraHosts,
    after.extraHosts,
    ({ name, address, port }) => `${name} at ${address}${port === null ? '' : `:${port}`}`,
  );
  return [
    ...(MODES.indexOf(after.mode) > MODES.indexOf(before.mode)
      ? [`network.mode: ${after.mode}`]
      : []),
    ...list('allowedHosts', 'allowed_hosts'),
    ...undenied.map((host) => `network.denied_hosts: without ${host}`),
    ...(before.blockPrivateIps && !after.blockPrivateIps
      ? ['network.block_private_ips: false']
      : []),
    ...list('allowedPrivate', 'allowed_private'),
    ...extra.map((host) => `network.extra_hosts: ${host}`),
    ...list('ca', 'ca'),
    ...list('passthrough', 'passthrough'),
    ...changed('rules', 'rules'),
    ...changed('policyScript', 'policy_script'),
    ...changed('upstreamProxy', 'upstream_proxy'),
    ...changed('ssh', 'ssh'),
  ];
}

function secretChanges(before: SandboxPlan, after: SandboxPlan): string[] {
  return after.secrets.flatMap((secret) => {
    const known = before.secrets.find(({ name }) => name === secret.name);
    if (known === undefined) return [`secret ${secret.name} for ${secret.hosts.join(', ')}`];
    const hosts = added(known.hosts, secret.hosts, same);
    const rest = isDeepStrictEqual({ ...known, hosts: [] }, { ...secret, hosts: [] });
    return [
      ...hosts.map((host) => `secret ${secret.name} for ${host}`),
      ...(rest ? [] : [`secret ${secret.name} changed`]),
    ];
  });
}

type SharedMount = Exclude<MountPlan, { kind: 'memory' }>;

/** Returns the volumes with contents that outlive the VM. */
function shared({ vm }: SandboxPlan): SharedMount[] {
  return vm.mounts.flatMap((mount) => (mount.kind === 'memory' ? [] : [mount]));
}

function showMount(mount: SharedMount): string {
  const source = mount.kind === 'disk' ? mount.name : mount.hostPath;
  if (mount.kind === 'copy') return `${source} copied to ${mount.guestPath}`;
  return `${source} at ${mount.guestPath}${mount.isReadonly ? ', read-only' : ', writable'}`;
}

function mountChanges(before: SandboxPlan, after: SandboxPlan): string[] {
  // A volume that was writable and is read-only now shows less.
  const known = shared(before).flatMap((mount) => [mount, { ...mount, isReadonly: true }]);
  return added(known, shared(after), showMount).map((text) => `volume ${text}`);
}

/** A path that is no longer hidden counts where there is a volume that it may be in. */
function hideChanges(before: SandboxPlan, after: SandboxPlan): string[] {
  if (shared(after).length === 0) return [];
  return added(after.vm.hide, before.vm.hide, same).map((path) => `hide: without ${path}`);
}

function portChanges(before: SandboxPlan, after: SandboxPlan): string[] {
  const show = (port: SandboxPlan['vm']['ports'][number]) =>
    `${port.host}:${port.port}:${port.guestPort}`;
  return added(before.vm.ports, after.vm.ports, show).map((text) => `port ${text}`);
}

/** Returns a sandbox that may do nothing, for one that was not there. */
function nothing(of: SandboxPlan): SandboxPlan {
  const network: NetworkPlan = {
    ...{ mode: 'none', allowedHosts: [], deniedHosts: [], blockPrivateIps: true },
    ...{ allowedPrivate: [], extraHosts: [], ca: [], passthrough: [], rules: [] },
    ...{ policyScript: null, upstreamProxy: null, ssh: [], onBlocked: of.network.onBlocked },
  };
  const vm = { ...of.vm, mounts: [], ports: [] };
  return { ...of, network, vm, secrets: [], dependsOn: [], onWritableCode: 'fail' };
}

/** An allowlist that allows nothing is no more than no network. */
function narrowed(sandbox: SandboxPlan): SandboxPlan {
  const { network } = sandbox;
  const isNothing = network.mode === 'allowlist' && network.allowedHosts.length === 0;
  return isNothing ? { ...sandbox, network: { ...network, mode: 'none' } } : sandbox;
}

function sandboxChanges(given: SandboxPlan, wanted: SandboxPlan): string[] {
  const [before, after] = [narrowed(given), narrowed(wanted)];
  const others = added(before.dependsOn, after.dependsOn, ({ name }) => name);
  return [
    ...networkChanges(before.network, after.network),
    ...secretChanges(before, after),
    ...mountChanges(before, after),
    ...hideChanges(before, after),
    ...portChanges(before, after),
    ...others.map((name) => `depends_on: ${name}`),
    ...(before.onWritableCode === 'fail' && after.onWritableCode === 'warn'
      ? ['on_writable_code: warn']
      : []),
  ];
}

/**
 * Returns what guests may do by a new plan that they may not by the present one, one line each: hosts, secrets, volumes, ports, private
 * addresses, other sandboxes. Empty when the new one allows nothing more. What cannot be compared, such as rules, counts when it differs.
 */
export function widenings(before: Plan, after: Plan): string[] {
  return after.sandboxes.flatMap((sandbox) => {
    const known = before.sandboxes.find(({ name }) => name === sandbox.name);
    const changes = sandboxChanges(known ?? nothing(sandbox), sandbox);
    return changes.map((change) => `${sandbox.name}: ${change}`);
  });
}
