import type { Plan } from '../../plan/plan.ts';
import type { CliIo } from '../io.ts';
import { unknownName } from '../usage-error.ts';
import { directoryForProject } from './find-project.ts';
import { projectSource, readSource } from './load-target.ts';
import type { UpFlags, WantedProject } from './up-in-foreground.ts';

/** @throws {GondolinError} CLI_USAGE for a sandbox that is not started. */
function checkExitCodeFrom({ sandboxes }: Plan, name: string | undefined): void {
  const names = sandboxes.map((sandbox) => sandbox.name);
  if (name !== undefined && !names.includes(name)) throw unknownName('sandbox', name, names);
}

/** Reads the project that `up` is to start. @throws {GondolinError} CONFIG_…, CLI_USAGE */
export async function readWanted(
  io: CliIo,
  options: UpFlags,
  operands: readonly string[],
): Promise<WantedProject> {
  const source = projectSource(io, options, operands);
  const { plan, names } = await readSource(io, source);
  checkExitCodeFrom(plan, options.exitCodeFrom);
  return { source, plan, names, directory: directoryForProject(io, options, source.file) };
}
