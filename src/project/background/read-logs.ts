import { readFile } from 'node:fs/promises';
import {
  type Decoder,
  decodeOrNull,
  integer,
  literal,
  nullable,
  object,
  text,
} from '../../util/json-decoder.ts';
import { type LogLine, logFiles } from './project-logs.ts';

export const logLine: Decoder<LogLine> = object<LogLine>({
  seq: integer({ min: 1 }),
  time: text(),
  sandbox: text(),
  step: nullable(text()),
  stream: literal('stdout', 'stderr'),
  text: text(),
});

/** The lines to read. */
export interface LogSelection {
  /** Names of sandboxes. */
  readonly sandboxes: readonly string[];
  /** Only lines from this time on, in milliseconds since 1970; null for all. */
  readonly sinceMs: number | null;
  /** Number of last lines of each sandbox; null for all that are kept. */
  readonly tail: number | null;
  /** Only lines up to this number; null for all. */
  readonly untilSeq: number | null;
}

async function readLines(path: string): Promise<LogLine[]> {
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  // The last line may be cut off when its process was killed.
  return content
    .split('\n')
    .flatMap((line) => (line === '' ? [] : (decodeOrNull(line, logLine) ?? [])));
}

/** Reads lines that are kept, in the order in which they were printed. */
export async function readLogs(
  directory: string,
  { sandboxes, sinceMs, tail, untilSeq }: LogSelection,
): Promise<LogLine[]> {
  const all: LogLine[] = [];
  for (const sandbox of sandboxes) {
    // The newer file first: what moves to the older one meanwhile is read twice, not missed.
    const [older, newer] = logFiles(directory, sandbox);
    const last = await readLines(newer);
    const before = await readLines(older);
    const bySeq = new Map([...before, ...last].map((line) => [line.seq, line]));
    const wanted = [...bySeq.values()].filter(
      ({ seq, time }) =>
        (untilSeq === null || seq <= untilSeq) && (sinceMs === null || Date.parse(time) >= sinceMs),
    );
    all.push(...(tail === null ? wanted : wanted.slice(Math.max(0, wanted.length - tail))));
  }
  return all.toSorted((a, b) => a.seq - b.seq);
}
