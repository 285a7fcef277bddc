/** Keys of services that have a converter of their own. */
const CARRIED: ReadonlySet<string> = new Set(
  'command entrypoint environment env_file volumes tmpfs ports working_dir user mem_limit cpus deploy image build depends_on healthcheck restart profiles stop_signal stop_grace_period read_only network_mode'.split(
    ' ',
  ),
);

const VM = 'a sandbox is a VM of its own: it needs no such right of the host';
const ONE_KERNEL = 'it belongs to containers that share a kernel';
const NETWORK = 'name what the guest may reach under network: allowed_hosts';

/** Why other keys are not carried over, and what to do. */
const REASONS: Readonly<Record<string, string>> = {
  networks: NETWORK,
  network_mode: NETWORK,
  links: NETWORK,
  external_links: NETWORK,
  dns: 'names are resolved by the host',
  dns_search: 'names are resolved by the host',
  extra_hosts: 'write network: extra_hosts, and allow what the guest may reach',
  expose: 'write ports: for what the host is to reach',
  container_name: 'a sandbox has the name of its key',
  hostname: 'a sandbox has the name of its key',
  secrets: 'write secrets: NAME@host; the guest never gets the value',
  configs: 'mount the file under volumes:',
  extends: 'write the keys here, or under defaults:',
  privileged: VM,
  cap_add: VM,
  cap_drop: VM,
  devices: VM,
  security_opt: VM,
  gpus: 'a VM has no graphics processor',
  shm_size: 'mount memory under volumes:',
  ulimits: ONE_KERNEL,
  sysctls: ONE_KERNEL,
  pid: ONE_KERNEL,
  ipc: ONE_KERNEL,
  cgroup: ONE_KERNEL,
  cgroup_parent: ONE_KERNEL,
  userns_mode: ONE_KERNEL,
  init: 'the guest has an init already',
  tty: 'use gondolin exec -t',
  stdin_open: 'use gondolin exec -i',
  logging: 'use gondolin run --progress json',
  labels: 'sandboxes have no labels',
  platform: 'set build: arch of the image',
  pull_policy: 'images are built here, not pulled',
  scale: 'write one sandbox for each',
  develop: 'there is no such key in this version',
};

/** Returns why a key of a service is not carried over, or null for one that has a converter. */
export function reasonFor(key: string): string | null {
  if (CARRIED.has(key) || key.startsWith('x-')) return null;
  return (Object.hasOwn(REASONS, key) ? REASONS[key] : undefined) ?? 'there is no such key here';
}
