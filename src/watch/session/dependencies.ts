import type { DependencyCondition } from '../../config/config.ts';
import type { SandboxPlan } from '../../plan/plan.ts';
import type { RunChange } from '../../project/run-event.ts';

/** Returns what an event of a sandbox means for those that depend on it. */
function reachedBy({ service }: SandboxPlan, event: RunChange): DependencyCondition[] {
  if (event.type === 'vm-started') return service === null ? ['started', 'healthy'] : [];
  if (event.type === 'service-started') {
    return service?.healthcheck == null ? ['started', 'healthy'] : ['started'];
  }
  if (event.type === 'service-healthy') return ['healthy'];
  const isDone = event.type === 'sandbox-finished' && event.status === 'succeeded';
  return isDone ? ['completed'] : [];
}

/** Which sandboxes have reached what others wait for. What was reached once counts until the end: a rerun does not take it back. */
export class Dependencies {
  readonly #reached = new Map<string, Set<DependencyCondition>>();

  /** @returns Whether the sandbox reached something, as far as others can tell. */
  note(sandbox: SandboxPlan, event: RunChange): readonly DependencyCondition[] {
    const reached = reachedBy(sandbox, event);
    const known = this.#reached.get(sandbox.name) ?? new Set();
    for (const condition of reached) known.add(condition);
    this.#reached.set(sandbox.name, known);
    return reached;
  }

  /** True when a sandbox can start. @param names  The sandboxes of the session; others are not waited for. */
  areMet({ dependsOn }: SandboxPlan, names: ReadonlySet<string>): boolean {
    return dependsOn.every(
      ({ name, condition }) =>
        !names.has(name) || (this.#reached.get(name)?.has(condition) ?? false),
    );
  }
}
