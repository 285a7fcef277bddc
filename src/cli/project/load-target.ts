import { dirname } from 'node:path';
import type { Plan } from '../../plan/plan.ts';
import type { LoadTarget } from '../../project/background/project-host.ts';
import type { ProjectSource } from '../../project/background/project-request.ts';
import { readContentFacts } from '../../project/live/content-facts.ts';
import type { RunningSandboxes } from '../../project/running-sandboxes.ts';
import type { GlobalOptions } from '../command-context.ts';
import { type StartFlags, sandboxVmOptions } from '../execute-plan.ts';
import type { CliIo } from '../io.ts';
import { type NetworkFlags, withNetworkFlags } from '../network-flags.ts';
import { openPlan, planForSandboxes, projectFile } from '../open-project.ts';

/** Describes the project file and the wanted sandboxes to the process that has the project. @throws {GondolinError} CONFIG_NOT_FOUND */
export function projectSource(
  io: CliIo,
  options: StartFlags & NetworkFlags,
  sandboxes: readonly string[],
): ProjectSource {
  const entries = Object.entries(io.env).filter(([, value]) => value !== undefined);
  return {
    file: projectFile(io, options),
    projectName: options.projectName ?? null,
    args: options.arg ?? {},
    profiles: options.profile ?? [],
    sandboxes,
    allowHosts: options.allowHost ?? [],
    hostSecrets: options.hostSecret ?? [],
    env: Object.fromEntries(entries) as Record<string, string>,
    usesCache: options.cache ?? true,
    isCold: options.cold ?? false,
    isBuilding: options.build ?? false,
    isLocked: options.locked ?? false,
    pull: options.pull ?? null,
  };
}

function optionsOf(source: ProjectSource): GlobalOptions & NetworkFlags & StartFlags {
  const { file, projectName, args, profiles, allowHosts, hostSecrets } = source;
  const { usesCache, isCold, isBuilding } = source;
  const { isLocked, pull } = source;
  return {
    progress: 'plain',
    file,
    ...(projectName === null ? {} : { projectName }),
    arg: args,
    profile: profiles,
    allowHost: allowHosts,
    hostSecret: hostSecrets,
    cache: usesCache,
    ...(isCold ? { cold: true } : {}),
    ...(isBuilding ? { build: true } : {}),
    locked: isLocked,
    ...(pull === null ? {} : { pull }),
  };
}

/** Reads a project for a source: the plan of what is wanted, and the names of all that there is. @throws {GondolinError} CONFIG_…, CLI_USAGE */
export async function readSource(
  io: CliIo,
  source: ProjectSource,
): Promise<{ readonly plan: Plan; readonly names: readonly string[] }> {
  const options = optionsOf(source);
  const whole = await openPlan({ ...io, cwd: dirname(source.file), env: source.env }, options);
  const chosen = planForSandboxes(whole, source.sandboxes, options);
  const names = whole.sandboxes.map(({ name }) => name);
  return { plan: withNetworkFlags(chosen, options), names };
}

/** Returns the function by which the process of a project reads its file, with the environment of the command that asks. */
export function targetLoader(io: CliIo, running: RunningSandboxes): LoadTarget {
  return async (source) => {
    const { plan, names } = await readSource(io, source);
    const { createSandboxVms } = await import('../../project/sandbox-vm.ts');
    const its = { ...io, env: source.env };
    const vmOptions = sandboxVmOptions(its, optionsOf(source), { from: null }, []);
    const facts = new Map(
      await Promise.all(
        plan.sandboxes.map(
          async (sandbox) => [sandbox.name, await readContentFacts(sandbox, source.env)] as const,
        ),
      ),
    );
    const createVm = createSandboxVms(plan, { ...vmOptions, running });
    const forcedBy = source.isBuilding ? '--build' : null;
    return { sandboxes: plan.sandboxes, names, createVm, facts, forcedBy };
  };
}
