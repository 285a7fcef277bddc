import { GondolinError } from '../../errors/gondolin-error.ts';

/** Looks a module up by its name with underscores. `builtin`: part of vmlinux. `missing`: not in this kernel. */
export type FindModule = (
  name: string,
) => Promise<{ readonly depends: readonly string[] } | 'builtin' | 'missing'>;

export interface ModuleRoots {
  /** The guest cannot boot without them, as a module or built in. */
  readonly required: readonly string[];
  /** Taken where the kernel has them as modules. */
  readonly optional: readonly string[];
}

/**
 * Modules to load, dependencies first; stable for the same input.
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when a required module or a dependency is not in the kernel, or
 * dependencies go round in a circle.
 */
export async function orderModules(roots: ModuleRoots, find: FindModule): Promise<string[]> {
  const ordered: string[] = [];
  const states = new Map<string, 'visiting' | 'done'>();

  async function visit(name: string, wantedBy: string | null): Promise<void> {
    const state = states.get(name);
    if (state === 'done') return;
    if (state === 'visiting') throw invalid(`the module '${name}' depends on itself`);
    const found = await find(name);
    if (found === 'missing') {
      const reason = wantedBy === null ? 'which the guest needs' : `which '${wantedBy}' needs`;
      throw invalid(`the module '${name}', ${reason}, is not in the package`);
    }
    states.set(name, 'visiting');
    if (found !== 'builtin') {
      for (const dependency of found.depends) await visit(dependency, name);
      ordered.push(name);
    }
    states.set(name, 'done');
  }

  for (const name of roots.required) await visit(name, null);
  for (const name of roots.optional) {
    if ((await find(name)) !== 'missing') await visit(name, null);
  }
  return ordered;
}

function invalid(problem: string): GondolinError {
  return new GondolinError('IMAGE_KERNEL_INVALID', `Cannot use the kernel package: ${problem}`);
}
