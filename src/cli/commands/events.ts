import { ProjectStream } from '../../project/background/project-client.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { requireProject } from '../project/find-project.ts';
import { eventRenderer, showEvents } from '../project/show-events.ts';

/** `events`: prints what happens to the project's sandboxes from now on, until it ends or Ctrl-C. */
export const eventsCommand: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const { directory } = requireProject(io, options);
  const stream = await ProjectStream.open(directory, { method: 'events' }, io.signal);
  const progress = format === 'json' ? 'json' : 'plain';
  const renderer = await eventRenderer(io, { ...options, progress });
  await showEvents(stream, renderer, io.signal);
  await renderer.end();
  return 0;
};
