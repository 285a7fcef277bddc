import { join } from 'node:path';
import { ProjectStream } from '../../project/background/project-client.ts';
import type { LogLine } from '../../project/background/project-logs.ts';
import { LOGS, readProject } from '../../project/background/project-record.ts';
import { type LogSelection, logLine, readLogs } from '../../project/background/read-logs.ts';
import { sessionFailed } from '../../session/control-line.ts';
import { decodeValue, integer, literal, object, tagged } from '../../util/json-decoder.ts';
import { type CliIo, writeText } from '../io.ts';
import { LogPrinter } from './log-printer.ts';

type Position = { readonly type: 'position'; readonly seq: number };
type Dropped = { readonly type: 'dropped'; readonly count: number };

const marker = tagged<Position | Dropped>('type', {
  position: object<Position>({ type: literal('position'), seq: integer() }),
  dropped: object<Dropped>({ type: literal('dropped'), count: integer() }),
});

/** Reads a value of the stream of `logs`. @throws {GondolinError} SESSION_FAILED */
function readValue(value: unknown): LogLine | Position | Dropped {
  const isMarker = typeof value === 'object' && value !== null && 'type' in value;
  const decoded = isMarker ? decodeValue(value, marker) : decodeValue(value, logLine);
  if (decoded.ok) return decoded.value;
  throw sessionFailed(`it sent an invalid line: ${decoded.problem}`);
}

/** Lines as text for people, or as JSON. */
export type LogFormat = 'text' | 'json';

/** The lines of a project's logs that are wanted. */
export type WantedLogs = Pick<LogSelection, 'sandboxes' | 'sinceMs' | 'tail'>;

function printerFor(io: CliIo, directory: string, format: LogFormat) {
  if (format === 'json') {
    return async (lines: readonly LogLine[]) => {
      for (const line of lines) await writeText(io.stdout, `${JSON.stringify(line)}\n`);
    };
  }
  const names = readProject(directory)?.record.sandboxes.map(({ name }) => name) ?? [];
  const printer = new LogPrinter(io.stdout, io, names);
  return (lines: readonly LogLine[]) => printer.print(lines);
}

/** Prints the lines that are kept. */
export async function printLogs(
  directory: string,
  wanted: WantedLogs,
  format: LogFormat,
  io: CliIo,
): Promise<void> {
  const lines = await readLogs(join(directory, LOGS), { ...wanted, untilSeq: null });
  await printerFor(io, directory, format)(lines);
}

/** Prints the lines that are kept, then each new one until the project ends or the signal aborts: none is missed or printed twice. */
export async function followLogs(
  directory: string,
  wanted: WantedLogs,
  format: LogFormat,
  io: CliIo,
): Promise<void> {
  const print = printerFor(io, directory, format);
  const stream = await ProjectStream.open(directory, { method: 'logs' }, io.signal);
  const early: LogLine[] = [];
  let hasPosition = false;
  try {
    for await (const raw of stream.values()) {
      const value = readValue(raw);
      if (!('type' in value)) {
        if (!wanted.sandboxes.includes(value.sandbox)) continue;
        if (hasPosition) await print([value]);
        else early.push(value);
      } else if (value.type === 'dropped') {
        await writeText(io.stderr, `[${value.count} lines were skipped: the reader is too slow]\n`);
      } else {
        const untilSeq = value.seq;
        hasPosition = true;
        await print(await readLogs(join(directory, LOGS), { ...wanted, untilSeq }));
        await print(early);
      }
    }
  } finally {
    stream.close();
  }
  io.signal.throwIfAborted();
}

/** Follows all sandboxes of a project from now on, until it ends. Returns the exit code. */
export async function followProject(directory: string, io: CliIo): Promise<number> {
  const sandboxes = readProject(directory)?.record.sandboxes.map(({ name }) => name) ?? [];
  await followLogs(directory, { sandboxes, sinceMs: null, tail: 0 }, 'text', io);
  return 0;
}
