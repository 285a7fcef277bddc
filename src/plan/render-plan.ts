import { formatPlace } from '../address/format-place.ts';
import { isLoopback, type PortMapping } from '../address/parse-port-mapping.ts';
import type { SecretConfig, SecretSourceConfig } from '../config/config.ts';
import { hideOutputs, hideServiceOutputs } from '../config/print/hide-outputs.ts';
import { maskEnv } from '../config/print/mask-env.ts';
import { commandText } from './command-text.ts';
import type {
  ImagePlan,
  MountPlan,
  NetworkPlan,
  Plan,
  SandboxPlan,
  ServicePlan,
  StepPlan,
} from './plan.ts';

const MIB = 2 ** 20;
const MAX_SHOWN_INPUTS = 3;

function imageLine({ name, recipe }: ImagePlan): string {
  if (recipe.kind === 'setup') {
    const { base, setup } = recipe;
    const commands = setup.commands.length;
    return `${imageLine({ name, recipe: base })}, setup of ${commands} command${commands === 1 ? '' : 's'}`;
  }
  if (recipe.kind === 'path') return `${name}: ${recipe.path}`;
  if (recipe.kind === 'oci') return recipe.source === name ? name : `${name}: ${recipe.source}`;
  if (recipe.kind === 'dockerfile') {
    return `${name}: ${recipe.path}${recipe.target === null ? '' : ` (${recipe.target})`}`;
  }
  const { arch, packages } = recipe;
  const extra = packages.length === 0 ? '' : ` + ${packages.join(' ')}`;
  const system = recipe.kind === 'alpine' ? `alpine ${recipe.version}` : `debian ${recipe.release}`;
  return `${name}: ${system} ${arch}${extra}`;
}

function mountLine(mount: MountPlan): string {
  if (mount.kind === 'memory') {
    return `${mount.guestPath} (memory, ${Math.round(mount.sizeBytes / MIB)} MiB)`;
  }
  if (mount.kind === 'copy') {
    return `${mount.hostPath} -> ${mount.guestPath} (copied${mount.usesGitignore ? ', without what .gitignore ignores' : ''})`;
  }
  if (mount.kind === 'disk') {
    const size = `${Math.round(mount.sizeBytes / MIB)} MiB${mount.isReadonly ? ', read-only' : ''}`;
    return `volume ${mount.name} -> ${mount.guestPath} (${size})`;
  }
  const facts = [
    ...(mount.isReadonly ? ['read-only'] : []),
    ...(mount.overlay === undefined ? [] : ['changes in memory']),
    ...(mount.xattrs === undefined ? [] : ['xattrs']),
  ];
  const how = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
  return `${mount.hostPath} -> ${mount.guestPath}${how}`;
}

function rootText({ root, diskBytes }: SandboxPlan['vm']): string {
  return root === 'disk' ? `disk of ${Math.round(diskBytes / MIB)} MiB` : root;
}

function portLine({ host, port, guestPort }: PortMapping): string {
  const place = formatPlace({ host, port: port === 0 ? 'a free port' : port });
  const warning = isLoopback(host) ? '' : ' (other machines can connect)';
  return `${place} -> ${guestPort}${warning}`;
}

/** Lists the first inputs as the project file spells them, and counts the rest. */
function inputsText({ inputs }: StepPlan): string {
  const shown = inputs.slice(0, MAX_SHOWN_INPUTS).map(({ pattern }) => pattern);
  const more = inputs.length - shown.length;
  return `inputs ${shown.join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function stepLine(step: StepPlan, cacheNote: string | null): string {
  const facts = [
    step.needs.length > 0 ? `needs ${step.needs.join(', ')}` : '',
    step.when === 'on_success' ? '' : `when ${step.when}`,
    step.timeoutMs === null ? '' : `timeout ${step.timeoutMs / 1000} s`,
    step.retries === 0 ? '' : `${step.retries} retries`,
    step.continueOnError ? 'may fail' : '',
    step.inEveryShard ? 'in every shard' : '',
    step.inputs.length === 0 ? '' : inputsText(step),
    step.checkpoint ? 'checkpoint' : '',
    cacheNote ?? '',
  ].filter((fact) => fact !== '');
  const tail = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  return `${step.name}: ${commandText(step.command)}${tail}`;
}

/** Describes the reachable hosts: `none`, `every public host; never a, b`, `a, b` or `nothing is allowed`. */
function reachText({ mode, allowedHosts, deniedHosts }: NetworkPlan): string {
  if (mode === 'none') return 'none';
  const denied = deniedHosts.length === 0 ? '' : `; never ${deniedHosts.join(', ')}`;
  if (mode === 'open') return `every public host${denied}`;
  return `${allowedHosts.join(', ') || 'nothing is allowed'}${denied}`;
}

function proxyText({
  url,
  credentials,
  noProxy,
  resolve,
}: NonNullable<NetworkPlan['upstreamProxy']>): string {
  const parts = [
    `by the proxy ${url}`,
    credentials === null ? '' : `credentials from ${sourceText(credentials)}`,
    resolve === 'proxy' ? 'which resolves names' : '',
    noProxy.length === 0 ? '' : `except ${noProxy.join(', ')}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function sshText({ hosts, user, key, commands }: NetworkPlan['ssh'][number]): string {
  const credential = key === null ? 'the ssh-agent' : `the key ${key}`;
  const login = user === null ? '' : ` as ${user}`;
  return `SSH to ${hosts.join(', ')} with ${credential}${login}: ${commands.join('; ')}`;
}

function networkLines(network: NetworkPlan): string[] {
  if (network.mode === 'none') return ['none'];
  const { rules, extraHosts, allowedPrivate, passthrough } = network;
  const rule = (r: NetworkPlan['rules'][number]) =>
    `${r.action} ${r.methods.join(',') || 'any'} ${r.host} ${r.paths.join(' ') || '/**'}`;
  const dial = ({ name, address, port }: NetworkPlan['extraHosts'][number]) =>
    `${name} is ${address}${port === null ? '' : ` port ${port}`}`;
  return [
    reachText(network),
    network.blockPrivateIps ? '' : 'private addresses are not blocked',
    allowedPrivate.length === 0 ? '' : `may be private: ${allowedPrivate.join(', ')}`,
    passthrough.length === 0 ? '' : `not inspected: ${passthrough.join(', ')}`,
    ...extraHosts.map(dial),
    ...rules.map(rule),
    ...network.ssh.map(sshText),
    network.policyScript === null ? '' : `hooks of ${network.policyScript}`,
    network.upstreamProxy === null ? '' : proxyText(network.upstreamProxy),
    network.onBlocked === 'fail' ? 'fails when something is blocked' : '',
  ].filter((line) => line !== '');
}

function sourceText(from: SecretSourceConfig): string {
  if (from.kind === 'env') return `variable ${from.variable}`;
  return from.kind === 'file' ? `file ${from.path}` : 'a command';
}

function secretLine({ name, hosts, headers, from, allowHttp }: SecretConfig): string {
  const http = allowHttp ? ' (plain HTTP too)' : '';
  const only = headers.length === 0 ? '' : ` in ${headers.join(', ')}`;
  return `${name} from ${sourceText(from)} -> ${hosts.join(', ')}${only}${http}`;
}

function serviceLine(service: ServicePlan): string {
  const { restart, healthcheck } = service;
  const { when, maxRestarts } = restart;
  const facts = [
    when === 'no' ? '' : `restart ${when}${maxRestarts === null ? '' : `:${maxRestarts}`}`,
    healthcheck === null ? '' : `healthy when: ${commandText(healthcheck.command)}`,
  ].filter((fact) => fact !== '');
  return `${commandText(service.command)}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}`;
}

function sandboxLines(sandbox: SandboxPlan, note: CacheNote): string[] {
  const {
    name,
    image,
    vm,
    network,
    secrets,
    steps,
    service,
    dependsOn,
    shards,
    artifacts,
    reports,
  } = sandbox;
  return [
    `sandbox ${name}`,
    `  image      ${imageLine(image)}`,
    `  machine    ${vm.cpus} CPU, ${Math.round(vm.memoryBytes / MIB)} MiB, root ${rootText(vm)}, user ${vm.user || 'root'}`,
    ...(artifacts.length === 0 ? [] : [`  artifacts  ${artifacts.join(' ')}`]),
    ...(reports.junit.length === 0 ? [] : [`  reports    ${reports.junit.join(' ')}`]),
    ...(shards === 1 ? [] : [`  shards     at most ${shards}`]),
    ...vm.mounts.map((mount) => `  volume     ${mountLine(mount)}`),
    ...networkLines(network).map((line) => `  network    ${line}`),
    ...vm.ports.map((port) => `  port       ${portLine(port)}`),
    ...secrets.map((secret) => `  secret     ${secretLine(secret)}`),
    ...steps.map(
      (step, index) => `  step ${String(index + 1).padEnd(5)} ${stepLine(step, note(name, index))}`,
    ),
    ...(service === null ? [] : [`  service    ${serviceLine(service)}`]),
    ...dependsOn.map((other) => `  depends on ${other.name} (${other.condition})`),
    ...(steps.length === 0 && service === null
      ? ['  no steps: gondolin run -- COMMAND runs one']
      : []),
  ];
}

/** Returns a note about a step's checkpoint, such as `cached`, or null. Steps count from 0. */
export type CacheNote = (sandbox: string, step: number) => string | null;

/** Renders a plan as text. It contains no values of variables. */
export function renderPlan(plan: Plan, note: CacheNote = () => null): string {
  const sandboxes = plan.sandboxes.flatMap((sandbox) => ['', ...sandboxLines(sandbox, note)]);
  return [`project ${plan.name}`, ...sandboxes].join('\n');
}

/** Renders a plan as JSON, without a final newline. Variables are masked as `gondolin config` masks them. */
export function renderPlanJson(plan: Plan): string {
  const sandboxes = plan.sandboxes.map(({ vm: { maskedEnv, ...vm }, steps, ...sandbox }) => ({
    ...sandbox,
    service: hideServiceOutputs(sandbox.service),
    vm: { ...hideOutputs(vm), env: maskEnv({ env: vm.env, maskedEnv }) },
    steps: steps.map(({ maskedEnv: names, ...step }) => ({
      ...hideOutputs(step),
      env: maskEnv({ env: step.env, maskedEnv: names }),
    })),
  }));
  return JSON.stringify({ ...plan, sandboxes }, null, 2);
}
