import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { GondolinError } from '../errors/gondolin-error.ts';
import {
  anything,
  decodeJson,
  integer,
  literal,
  nullable,
  object,
  sha256,
} from '../util/json-decoder.ts';
import type { RunRecord } from './run-record.ts';
import { writeReport } from './write-report.ts';

/** Increased when the form of a record changes: older files are then refused, not misread. */
const RECORD_VERSION = 3;

/** A record keeps at most 32 MiB of output, and JSON makes a character of it at most 6 bytes. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;

/** The shard that a run was, and the split that it is a part of. */
export interface RecordedShard {
  /** Counts from 1. */
  readonly index: number;
  readonly count: number;
  /** 64 hex digits: the digest of the list of shards. */
  readonly split: string;
}

/** A run as a file has it. */
export interface RecordedRun {
  /** null for a whole run. */
  readonly shard: RecordedShard | null;
  readonly run: RunRecord;
}

interface Envelope {
  readonly version: typeof RECORD_VERSION;
  readonly digest: string;
  readonly shard: RecordedShard | null;
  readonly run: unknown;
}

const envelope = object<Envelope>({
  version: literal(RECORD_VERSION),
  digest: sha256,
  shard: nullable(
    object<RecordedShard>({
      index: integer({ min: 1 }),
      count: integer({ min: 1 }),
      split: sha256,
    }),
  ),
  // What it contains is this program's own, unchanged: the digest is over it.
  run: anything,
});

function digestOf(shard: RecordedShard | null, run: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([shard, run]))
    .digest('hex');
}

/**
 * Writes the record of a run, whole or not at all.
 * @throws {GondolinError} REPORT_FAILED
 */
export async function writeRecord(path: string, { shard, run }: RecordedRun): Promise<void> {
  const digest = digestOf(shard, run);
  const file: Envelope = { version: RECORD_VERSION, digest, shard, run };
  await writeReport(path, `${JSON.stringify(file)}\n`);
}

async function readText(path: string, invalid: (problem: string, cause?: unknown) => Error) {
  try {
    const { size } = await stat(path);
    if (size <= MAX_RECORD_BYTES) return await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid('it cannot be read', cause);
  }
  throw invalid(`it has more than ${MAX_RECORD_BYTES} bytes`);
}

/**
 * Reads a record that `writeRecord` wrote.
 * @throws {GondolinError} REPORT_RECORD_INVALID when it is missing, damaged, or of another version.
 */
export async function readRecord(path: string): Promise<RecordedRun> {
  const invalid = (problem: string, cause?: unknown) =>
    new GondolinError('REPORT_RECORD_INVALID', `record ${path}: ${problem}`, { cause });
  const decoded = decodeJson(await readText(path, invalid), envelope);
  if (!decoded.ok) throw invalid(decoded.problem);
  const { shard, run, digest } = decoded.value;
  if (digestOf(shard, run) !== digest) throw invalid('it was changed after it was written');
  return { shard, run: run as RunRecord };
}
