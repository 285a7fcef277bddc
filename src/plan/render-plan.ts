import { shellQuoteArgs } from '../util/shell-quote-args.ts';
import type { ImagePlan, MountPlan, Plan, SandboxPlan, StepPlan } from './plan.ts';

const MIB = 2 ** 20;

function imageLine({ name, recipe }: ImagePlan): string {
  if (recipe.kind === 'path') return `${name}: ${recipe.path}`;
  const { release, arch, packages } = recipe;
  const extra = packages.length === 0 ? '' : ` + ${packages.join(' ')}`;
  return `${name}: debian ${release} ${arch}${extra}`;
}

function mountLine(mount: MountPlan): string {
  if (mount.kind === 'memory') {
    return `${mount.guestPath} (memory, ${Math.round(mount.sizeBytes / MIB)} MiB)`;
  }
  return `${mount.hostPath} -> ${mount.guestPath}${mount.isReadonly ? ' (read-only)' : ''}`;
}

function commandText({ command }: StepPlan): string {
  const text = command.kind === 'shell' ? command.script : shellQuoteArgs([...command.argv]);
  const [first = '', ...rest] = text.trim().split('\n');
  return rest.length === 0 ? first : `${first} …`;
}

function stepLine(step: StepPlan): string {
  const facts = [
    step.needs.length > 0 ? `needs ${step.needs.join(', ')}` : '',
    step.when === 'on_success' ? '' : `when ${step.when}`,
    step.timeoutMs === null ? '' : `timeout ${step.timeoutMs / 1000} s`,
    step.retries === 0 ? '' : `${step.retries} retries`,
    step.continueOnError ? 'may fail' : '',
  ].filter((fact) => fact !== '');
  const tail = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  return `${step.name}: ${commandText(step)}${tail}`;
}

function sandboxLines({ name, image, vm, steps }: SandboxPlan): string[] {
  return [
    `sandbox ${name}`,
    `  image      ${imageLine(image)}`,
    `  machine    ${vm.cpus} CPU, ${Math.round(vm.memoryBytes / MIB)} MiB, root ${vm.root}, user ${vm.user || 'root'}`,
    ...vm.mounts.map((mount) => `  volume     ${mountLine(mount)}`),
    ...steps.map((step, index) => `  step ${String(index + 1).padEnd(5)} ${stepLine(step)}`),
    ...(steps.length === 0 ? ['  no steps: gondolin run -- COMMAND runs one'] : []),
  ];
}

/** A plan for people. Values of variables are not in it. */
export function renderPlan(plan: Plan): string {
  return [`project ${plan.name}`, ...plan.sandboxes.flatMap((s) => ['', ...sandboxLines(s)])].join(
    '\n',
  );
}
