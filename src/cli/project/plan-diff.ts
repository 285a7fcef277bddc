import { askProject, readChanges } from '../../project/background/project-client.ts';
import type { ProjectSource } from '../../project/background/project-request.ts';
import type { SandboxChange } from '../../project/live/sandbox-change.ts';
import { type CommandContext, chooseFormat } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import type { NetworkFlags } from '../network-flags.ts';
import { describeChange } from '../ui/text/describe.ts';
import { findProject } from './find-project.ts';
import { projectSource, readSource } from './load-target.ts';

async function askDiff(directory: string, source: ProjectSource, io: CliIo) {
  const request = { method: 'diff', source, isForced: false } as const;
  return readChanges(await askProject(directory, request, io.signal));
}

/** `plan --diff`: prints what `up` with the same operands would change of the project that runs. */
export async function printDiff({
  io,
  options,
  operands,
}: CommandContext<NetworkFlags>): Promise<number> {
  const format = chooseFormat(options, ['text', 'json']);
  const source = projectSource(io, options, operands);
  // Reports mistakes of the file, and is what starts when nothing runs.
  const { plan } = await readSource(io, source);
  const found = findProject(io, options);
  const all = plan.sandboxes.map(({ name: sandbox }): SandboxChange => {
    return { sandbox, action: 'start', reasons: ['the project does not run'] };
  });
  const changes = found?.isAlive === true ? await askDiff(found.directory, source, io) : all;
  const text =
    format === 'json'
      ? JSON.stringify(changes, null, 2)
      : changes.map((change) => `${change.sandbox}: ${describeChange(change)}`).join('\n');
  await writeText(io.stdout, `${text}\n`);
  return 0;
}
