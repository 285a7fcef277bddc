import type { Config, ImageConfig, SandboxConfig, StepConfig } from '../config/config.ts';
import { orderByNeeds } from '../util/order-by-needs.ts';
import type { ImagePlan, Plan, SandboxPlan, StepPlan } from './plan.ts';

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
  const { run, maskedEnv: _names, ...rest } = step;
  const command =
    typeof run === 'string'
      ? ({ kind: 'shell', script: run } as const)
      : ({ kind: 'argv', argv: run } as const);
  const { name, ...others } = rest;
  return { name, command, ...others };
}

function planSandbox(sandbox: SandboxConfig, facts: PlanFacts): SandboxPlan {
  const { name, image, cpus, memoryBytes, root, user, env, workspace, volumes, timeoutMs } =
    sandbox;
  const { order = [] } = orderByNeeds(sandbox.steps);
  const vm = { cpus, memoryBytes, root, user, env, workspace, mounts: volumes, timeoutMs };
  return { name, image: planImage(image, facts), vm, steps: order.map(planStep) };
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
