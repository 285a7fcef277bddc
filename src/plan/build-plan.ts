import type { Config, ImageConfig, SandboxConfig, StepConfig } from '../config/config.ts';
import { orderByNeeds } from '../util/order-by-needs.ts';
import type { ImagePlan, NetworkPlan, Plan, SandboxPlan, StepPlan } from './plan.ts';

/** What a plan depends on besides the project file. */
export interface PlanFacts {
  /** Processor of this machine. */
  readonly arch: 'x86_64' | 'aarch64';
  /** Debian release for `host`. */
  readonly release: string;
}

function planImage(image: ImageConfig, facts: PlanFacts): ImagePlan {
  const { name, path, packages, mirror } = image;
  if (path !== null) return { name, recipe: { kind: 'path', path } };
  return {
    name,
    recipe: {
      kind: 'debian',
      arch: image.arch === 'host' ? facts.arch : image.arch,
      release: image.release === 'host' ? facts.release : image.release,
      packages,
      mirror: mirror === 'host' ? null : mirror,
    },
  };
}

function planStep(step: StepConfig): StepPlan {
  const { run, ...rest } = step;
  const command =
    typeof run === 'string'
      ? ({ kind: 'shell', script: run } as const)
      : ({ kind: 'argv', argv: run } as const);
  const { name, ...others } = rest;
  return { name, command, ...others };
}

/** The hosts of secrets are allowed: a secret is for nothing else than to be sent there. */
function planNetwork({ network, secrets }: SandboxConfig): NetworkPlan {
  const hosts = secrets.flatMap((secret) => secret.hosts);
  return { ...network, allowedHosts: [...new Set([...network.allowedHosts, ...hosts])] };
}

function planSandbox(sandbox: SandboxConfig, facts: PlanFacts): SandboxPlan {
  const { name, image, workspace, volumes, secrets } = sandbox;
  const { cpus, memoryBytes, root, user, env, maskedEnv, timeoutMs } = sandbox;
  const { order = [] } = orderByNeeds(sandbox.steps);
  const size = { cpus, memoryBytes, root, user };
  const vm = { ...size, env, maskedEnv, workspace, mounts: volumes, timeoutMs };
  const network = planNetwork(sandbox);
  return { name, image: planImage(image, facts), vm, network, secrets, steps: order.map(planStep) };
}

/** The Plan of a checked Config. Pure: the same input gives the same plan, key by key. */
export function buildPlan(config: Config, facts: PlanFacts): Plan {
  const { name, files, directory, sandboxes } = config;
  return {
    name,
    configFiles: files,
    directory,
    sandboxes: sandboxes.map((sandbox) => planSandbox(sandbox, facts)),
  };
}
