import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { ProjectStream, readApplied } from '../../project/background/project-client.ts';
import { LOGS } from '../../project/background/project-record.ts';
import type { ProjectSource } from '../../project/background/project-request.ts';
import { readLogs } from '../../project/background/read-logs.ts';
import type { GlobalOptions } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { plainText } from '../ui/text/describe.ts';
import { LogPrinter } from './log-printer.ts';
import { eventRenderer, showEvents } from './show-events.ts';

/** Lines of a sandbox's output that are shown when it fails to start. */
const LAST_LINES = 10;

/** The request of `up` to the process of a project. */
export interface ApplyOptions {
  readonly directory: string;
  readonly source: ProjectSource;
  readonly isForced: boolean;
  readonly wait: 'started' | 'up';
  readonly waitLimitMs: number | null;
}

/**
 * Asks the process of a project to make it what its file says, shows what that changes, and waits.
 * @throws {GondolinError} PROJECT_START_FAILED, PROJECT_WAIT_TIMEOUT; CONFIG_…
 */
export async function applyToProject(
  { directory, ...request }: ApplyOptions,
  io: CliIo,
  options: GlobalOptions,
): Promise<void> {
  const stream = await ProjectStream.open(directory, { method: 'apply', ...request }, io.signal);
  const renderer = await eventRenderer(io, options);
  try {
    const count = await showEvents(stream, renderer, io.signal);
    const failed = readApplied(stream.result);
    if (failed !== null) {
      await printLastLines(directory, failed.sandbox, io);
      const { sandbox, reason } = failed;
      throw new GondolinError(
        'PROJECT_START_FAILED',
        `${sandbox} did not start: ${plainText(reason)}`,
      );
    }
    if (count === 0 && options.progress !== 'json')
      await writeText(io.stdout, '=> nothing has changed\n');
  } finally {
    await renderer.end();
    stream.close();
  }
}

async function printLastLines(directory: string, sandbox: string, io: CliIo): Promise<void> {
  const selection = { sandboxes: [sandbox], sinceMs: null, tail: LAST_LINES, untilSeq: null };
  const printer = new LogPrinter(io.stderr, io, [sandbox]);
  await printer.print(await readLogs(join(directory, LOGS), selection));
}
