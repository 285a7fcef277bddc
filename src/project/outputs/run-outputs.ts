import type { OutputReference, TextParts } from '../../config/yaml/output-reference.ts';
import type { SandboxPlan } from '../../plan/plan.ts';
import type { StepOutputs } from './parse-outputs.ts';

/** Returns all texts of a sandbox that may have outputs in them. */
function textsOf({ vm, steps, service }: SandboxPlan): TextParts[] {
  return [
    ...Object.values(vm.envOutputs),
    ...steps.flatMap(({ runOutputs, envOutputs }) => [
      ...(runOutputs ?? []),
      ...Object.values(envOutputs),
    ]),
    ...(service?.runOutputs ?? []),
    ...(service?.healthcheck?.testOutputs ?? []),
  ];
}

/** Returns the outputs that a sandbox uses, its own and those of others. */
export function referencesOf(sandbox: SandboxPlan): OutputReference[] {
  return textsOf(sandbox).flatMap((parts) => parts.filter((part) => typeof part !== 'string'));
}

/** Neither name contains a NUL. */
function keyOf(sandbox: string | null, step: string): string {
  return `${sandbox ?? ''}\0${step}`;
}

/** The outputs of all steps of a run. */
export class RunOutputs {
  readonly #used: ReadonlySet<string> | 'all';
  readonly #outputs = new Map<string, StepOutputs>();

  /** @param sandboxes  All that may use outputs; `all` when others may come later. */
  constructor(sandboxes: readonly SandboxPlan[] | 'all') {
    if (sandboxes === 'all') {
      this.#used = sandboxes;
      return;
    }
    const references = sandboxes.flatMap(referencesOf);
    this.#used = new Set(references.map(({ sandbox, step }) => keyOf(sandbox, step)));
  }

  /** True if the outputs of a step are worth reading: something uses them, or a checkpoint keeps them for later runs. */
  isRead({ name, steps }: SandboxPlan, index: number): boolean {
    const step = steps[index]?.name ?? '';
    if (this.#used === 'all') return true;
    return this.#used.has(keyOf(name, step)) || steps.slice(index).some((one) => one.checkpoint);
  }

  /** Forgets what a former life of a sandbox wrote. */
  clear({ name, steps }: SandboxPlan): void {
    for (const step of steps) this.#outputs.delete(keyOf(name, step.name));
  }

  set(sandbox: string, step: string, outputs: StepOutputs): void {
    this.#outputs.set(keyOf(sandbox, step), outputs);
  }

  /** Returns the outputs of a step, empty if it wrote none; null if it has not run. */
  get({ sandbox, step }: Pick<OutputReference, 'sandbox' | 'step'>): StepOutputs | null {
    return this.#outputs.get(keyOf(sandbox, step)) ?? null;
  }
}
