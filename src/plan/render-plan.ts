import { shellQuoteArgs } from '../util/shell-quote-args.ts';
import type { ImagePlan, MountPlan, Plan, SandboxPlan, StepPlan } from './plan.ts';

const MIB = 2 ** 20;
const MAX_SHOWN_INPUTS = 3;

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

/** Inputs as the project file has them; many are counted. */
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
    step.inputs.length === 0 ? '' : inputsText(step),
    step.checkpoint ? 'checkpoint' : '',
    cacheNote ?? '',
  ].filter((fact) => fact !== '');
  const tail = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  return `${step.name}: ${commandText(step)}${tail}`;
}

function sandboxLines({ name, image, vm, steps }: SandboxPlan, note: CacheNote): string[] {
  return [
    `sandbox ${name}`,
    `  image      ${imageLine(image)}`,
    `  machine    ${vm.cpus} CPU, ${Math.round(vm.memoryBytes / MIB)} MiB, root ${vm.root}, user ${vm.user || 'root'}`,
    ...vm.mounts.map((mount) => `  volume     ${mountLine(mount)}`),
    ...steps.map(
      (step, index) => `  step ${String(index + 1).padEnd(5)} ${stepLine(step, note(name, index))}`,
    ),
    ...(steps.length === 0 ? ['  no steps: gondolin run -- COMMAND runs one'] : []),
  ];
}

/** What is known of a step's checkpoint, e.g. `cached`; null is nothing. Steps count from 0. */
export type CacheNote = (sandbox: string, step: number) => string | null;

/** A plan for people. Values of variables are not in it. */
export function renderPlan(plan: Plan, note: CacheNote = () => null): string {
  const sandboxes = plan.sandboxes.flatMap((sandbox) => ['', ...sandboxLines(sandbox, note)]);
  return [`project ${plan.name}`, ...sandboxes].join('\n');
}
