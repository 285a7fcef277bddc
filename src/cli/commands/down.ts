import { ProjectStream } from '../../project/background/project-client.ts';
import { readProject, removeProject } from '../../project/background/project-record.ts';
import { sessionFailed } from '../../session/control-line.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { findProject } from '../project/find-project.ts';
import { eventRenderer, showEvents } from '../project/show-events.ts';
import { readTimeFlag } from '../project/time-flags.ts';
import { usageError } from '../usage-error.ts';

/** `down`: stops the sandboxes of the project in reverse order and ends its process. Nothing of it is left, its logs neither. */
export const downCommand: CommandRun<{ readonly timeout?: string }> = async (context) => {
  const { io, options, operands } = context;
  if (operands.length > 0) {
    throw usageError('down stops the whole project', 'Write gondolin stop SANDBOX for one.');
  }
  const graceMs = readTimeFlag('--timeout', options.timeout);
  const found = findProject(io, options);
  if (found === null) {
    await writeText(io.stdout, 'No project of this directory is running.\n');
    return 0;
  }
  const { directory, record, isAlive } = found;
  if (!isAlive) {
    // Its VMs were ended before this command began, as after every kill.
    removeProject(directory);
    const { name, owner } = record;
    await writeText(
      io.stdout,
      `The process of ${name} (pid ${owner.pid}) was killed before; nothing of it is left.\n`,
    );
    return 0;
  }
  const stream = await ProjectStream.open(directory, { method: 'down', graceMs }, io.signal);
  const renderer = await eventRenderer(io, options);
  await showEvents(stream, renderer, io.signal);
  await renderer.end();
  if (stream.result === undefined && readProject(directory) !== null) {
    throw sessionFailed('it ended before its sandboxes');
  }
  return 0;
};
