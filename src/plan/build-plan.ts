import { join } from 'node:path';
import { imageTagDirectory, parseImageTag } from '../address/image-tag.ts';
import type {
  Config,
  ImageConfig,
  SandboxConfig,
  ServiceConfig,
  StepConfig,
} from '../config/config.ts';
import { orderByNeeds } from '../util/order-by-needs.ts';
import { lockPath } from './lock-path.ts';
import type {
  BaseRecipe,
  HostCode,
  ImagePlan,
  NetworkPlan,
  Plan,
  SandboxPlan,
  ServicePlan,
  StepCommand,
  StepPlan,
} from './plan.ts';
import { WHOLE, withShardVariables } from './shard/shard-variables.ts';

/** Facts of this machine that a plan depends on, besides the project file. */
export interface PlanFacts {
  /** Processor of this machine. */
  readonly arch: 'x86_64' | 'aarch64';
  /** Debian release that `host` means. */
  readonly release: string;
  /** Directory of the images with names. @default none, and an image with `tag` cannot be planned */
  readonly taggedImages?: string;
}

function planImage(image: ImageConfig, facts: PlanFacts): ImagePlan {
  const { name, setup: commands, network } = image;
  const base = planBase(image, facts);
  if (commands.length === 0) return { name, recipe: base };
  return { name, recipe: { kind: 'setup', base, setup: { copy: [], commands, network } } };
}

/** Returns the recipe of an image before its setup. */
function planBase(image: ImageConfig, facts: PlanFacts): BaseRecipe {
  const { path, tag, oci, dockerfile, pull, alpine, packages, network } = image;
  const { mirror, snapshot } = image;
  if (path !== null) return { kind: 'path', path };
  if (tag !== null) return { kind: 'path', path: taggedPath(tag, facts) };
  const arch = image.arch === 'host' ? facts.arch : image.arch;
  if (oci !== null) {
    const { release } = facts;
    return { kind: 'oci', source: oci, arch, release, pull, digest: null };
  }
  if (dockerfile !== null) {
    return { kind: 'dockerfile', ...dockerfile, arch, release: facts.release, pull, network };
  }
  if (alpine !== null) {
    return { kind: 'alpine', arch, release: facts.release, ...alpine };
  }
  return {
    kind: 'debian',
    arch,
    release: image.release === 'host' ? facts.release : image.release,
    packages,
    mirror: mirror === 'host' ? null : mirror,
    ...(snapshot === null ? {} : { snapshot }),
  };
}

function taggedPath(text: string, { taggedImages }: PlanFacts): string {
  const tag = parseImageTag(text);
  if (taggedImages === undefined || tag === null)
    throw new TypeError(`no place of images: ${text}`);
  return join(taggedImages, imageTagDirectory(tag));
}

function planCommand(run: string | readonly string[]): StepCommand {
  return typeof run === 'string' ? { kind: 'shell', script: run } : { kind: 'argv', argv: run };
}

function planStep({ name, run, ...rest }: StepConfig): StepPlan {
  return { name, command: planCommand(run), ...rest };
}

function planService({ run, healthcheck, ...rest }: ServiceConfig): ServicePlan {
  if (healthcheck === null) return { command: planCommand(run), ...rest, healthcheck };
  const { test, ...times } = healthcheck;
  return {
    command: planCommand(run),
    ...rest,
    healthcheck: { command: planCommand(test), ...times },
  };
}

/** Allows the hosts of secrets too: a secret exists to be sent to them. */
function planNetwork({ network, secrets }: SandboxConfig): NetworkPlan {
  const hosts = secrets.flatMap((secret) => secret.hosts);
  return { ...network, allowedHosts: [...new Set([...network.allowedHosts, ...hosts])] };
}

function planSandbox(sandbox: SandboxConfig, facts: PlanFacts): SandboxPlan {
  const { name, image, workspace, volumes, secrets, onWritableCode } = sandbox;
  const { matrix, matrixOf, profiles, shards, artifacts, reports } = sandbox;
  const { cpus, memoryBytes, root, diskBytes, user, timeoutMs, ports } = sandbox;
  const { env, envOutputs, maskedEnv } = sandbox;
  const { order = [] } = orderByNeeds(sandbox.steps);
  const size = { cpus, memoryBytes, root, diskBytes, user };
  const places = { workspace, mounts: volumes, hide: sandbox.hide, ports };
  const vm = { ...size, env, envOutputs, maskedEnv, ...places, timeoutMs };
  const network = planNetwork(sandbox);
  const unsplit = order.map(planStep);
  const steps = shards > 1 ? withShardVariables(unsplit, WHOLE) : unsplit;
  const origin = { name, matrix, matrixOf, profiles, shards, artifacts, reports };
  const { dependsOn, watch } = sandbox;
  const service = sandbox.service === null ? null : planService(sandbox.service);
  const work = { steps, service, dependsOn, watch };
  const rest = { image: planImage(image, facts), vm, network, secrets, onWritableCode };
  return { ...origin, ...rest, ...work };
}

/** Names that `gondolin` looks for if it is started without one: a new file there would become the project file. */
const PROJECT_FILES = ['gondolin.yaml', 'gondolin.yml'];
/** The files of an image in a directory of the user: the manifest has the digests of the others. */
const IMAGE_FILES = ['manifest.json', 'vmlinux', 'modules.cpio', 'rootfs.squashfs'];

/** The file that decides what an OCI image on this disk is: it has the digests of the others, or is the image. */
function localOciFiles(oci: string | null): string[] {
  const [, kind, path = ''] = /^(oci-layout|docker-archive):([^:]*)/.exec(oci ?? '') ?? [];
  if (kind === undefined) return [];
  return [kind === 'oci-layout' ? join(path, 'index.json') : path];
}

/** The files that decide what is built with the network and the secrets of the image. */
function dockerfileFiles(dockerfile: ImageConfig['dockerfile']): string[] {
  if (dockerfile === null) return [];
  const { path, context } = dockerfile;
  return [path, `${path}.dockerignore`, join(context, '.dockerignore')];
}

function listAuthorityFiles({ files, directory, sandboxes }: Config): string[] {
  const named = sandboxes.flatMap(({ envFiles, image, network, secrets }) => [
    ...envFiles,
    ...network.ca,
    ...(network.policyScript === null ? [] : [network.policyScript]),
    ...network.ssh.flatMap(({ key, knownHosts }) => [
      ...(key === null ? [] : [key]),
      ...knownHosts,
    ]),
    ...(network.upstreamProxy?.credentials?.kind === 'file'
      ? [network.upstreamProxy.credentials.path]
      : []),
    ...secrets.flatMap(({ from }) => (from.kind === 'file' ? [from.path] : [])),
    ...(image.path === null ? [] : IMAGE_FILES.map((file) => join(image.path ?? '', file))),
    ...localOciFiles(image.oci),
    ...dockerfileFiles(image.dockerfile),
    // A guest that adds a key there could decide what is installed.
    ...(image.alpine?.keys == null ? [] : [image.alpine.keys]),
  ]);
  const found = [
    ...PROJECT_FILES.map((file) => join(directory, file)),
    ...files.slice(0, 1).map(lockPath),
  ];
  return [...new Set([...found, ...named])].filter((path) => !files.includes(path));
}

function listHostCode({ sandboxes }: Config): HostCode[] {
  const field = 'network.upstream_proxy.credentials.command';
  return sandboxes.flatMap(({ network: { policyScript, upstreamProxy }, secrets }): HostCode[] => [
    ...(upstreamProxy?.credentials?.kind === 'command'
      ? [{ ...upstreamProxy.credentials, field }]
      : []),
    ...(policyScript === null
      ? []
      : [{ kind: 'module', field: 'network.policy_script', path: policyScript } as const]),
    ...secrets.flatMap(({ name, from }) =>
      from.kind === 'command' ? [{ ...from, field: `secrets: ${name}: from.command` }] : [],
    ),
  ]);
}

/** Builds the Plan of a checked Config. Pure: the same input gives the same plan, key by key. */
export function buildPlan(config: Config, facts: PlanFacts): Plan {
  const { name, files, directory, sandboxes } = config;
  return {
    name,
    configFiles: files,
    authorityFiles: listAuthorityFiles(config),
    hostCode: listHostCode(config),
    directory,
    sandboxes: sandboxes.map((sandbox) => planSandbox(sandbox, facts)),
  };
}
