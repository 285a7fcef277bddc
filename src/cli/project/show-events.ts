import type { ProjectStream } from '../../project/background/project-client.ts';
import type { RunEvent } from '../../project/run-event.ts';
import { sessionFailed } from '../../session/control-line.ts';
import type { GlobalOptions } from '../command-context.ts';
import type { CliIo } from '../io.ts';
import { createRenderer } from '../ui/progress/choose-renderer.ts';
import { resolveProgress } from '../ui/progress/progress-mode.ts';
import type { RunRenderer } from '../ui/progress/run-renderer.ts';

/** Returns the renderer of what happens to a project: a line for each event. */
export function eventRenderer(io: CliIo, { progress }: GlobalOptions): Promise<RunRenderer> {
  const resolved = resolveProgress(progress, io);
  return createRenderer(resolved === 'tty' ? 'plain' : resolved, null, io);
}

/** Checks the form that all events have; they come from a process of this user. @throws {GondolinError} SESSION_FAILED */
function toEvent(value: unknown): RunEvent {
  const isEvent = typeof value === 'object' && value !== null && 'type' in value;
  if (isEvent && typeof value.type === 'string') return value as RunEvent;
  throw sessionFailed('it sent an invalid event');
}

/** Shows the events of a stream until it ends. Returns how many there were. */
export async function showEvents(
  stream: ProjectStream,
  renderer: RunRenderer,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const value of stream.values()) {
    count += 1;
    await renderer.onEvent(toEvent(value));
  }
  signal.throwIfAborted();
  return count;
}
