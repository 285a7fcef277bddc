import { GondolinError } from '../../errors/gondolin-error.ts';
import type { GuestFileSystem } from '../../vm/files/guest-file-system.ts';
import { JunitSyntaxError, parseJunit } from './parse-junit.ts';
import { type TestResults, TestTally } from './test-results.ts';

/** Reports of one sandbox, their bytes, and those of one. */
const MAX_FILES = 500;
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Time to read them. */
const READ_LIMIT_MS = 60_000;

/** The part of `vm.fs` that reads reports. */
export type ReportFiles = Pick<GuestFileSystem, 'glob' | 'stat' | 'readFile'>;

/** Which files are the reports of a run. */
export interface WantedReports {
  /** Paths relative to the workspace, or absolute. */
  readonly patterns: readonly string[];
  /** Files that were last changed earlier belong to an earlier run; milliseconds since 1970. */
  readonly sinceMs: number;
}

interface Reading {
  readonly files: ReportFiles;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

/** Returns the files that the patterns match and that are new, each once. */
async function findReports(
  { patterns, sinceMs }: WantedReports,
  { files, signal, warn }: Reading,
): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const matches = await files.glob(pattern, { signal });
    let fresh = 0;
    for (const path of matches.toSorted()) {
      if (found.size >= MAX_FILES) {
        warn(`only the first ${MAX_FILES} reports are read`);
        return [...found];
      }
      const stats = await files.stat(path, { signal }).catch(() => null);
      if (stats === null || !stats.isFile() || stats.mtimeMs < sinceMs) continue;
      found.add(path);
      fresh += 1;
    }
    if (matches.length === 0) warn(`nothing matches ${pattern}`);
    else if (fresh === 0) warn(`what matches ${pattern} is older than this run`);
  }
  return [...found];
}

/** Adds the tests of one report. Returns its size; null if it could not be read as one. */
async function addReport(
  path: string,
  maxBytes: number,
  tally: TestTally,
  { files, signal, warn }: Reading,
): Promise<number | null> {
  try {
    const bytes = await files.readFile(path, { maxBytes, signal });
    await parseJunit(new TextDecoder().decode(bytes), (test) => tally.add(test));
    return bytes.length;
  } catch (error) {
    if (error instanceof JunitSyntaxError) warn(`${path} is not a JUnit report: ${error.message}`);
    else if (GondolinError.is(error) && !signal.aborted) warn(`${path}: ${error.message}`);
    else throw error;
    return null;
  }
}

/**
 * Reads the JUnit reports that the commands of a guest wrote. Whatever is wrong with one of them is a warning: reports add to the
 * result of a run and do not decide about it.
 * @throws The error of the guest's file system when it was lost, or `cancel` was aborted.
 */
export async function readTestReports(
  wanted: WantedReports,
  files: ReportFiles,
  cancel: AbortSignal,
  onWarning: (message: string) => void,
): Promise<TestResults> {
  const limit = AbortSignal.timeout(READ_LIMIT_MS);
  const reading: Reading = {
    files,
    signal: AbortSignal.any([cancel, limit]),
    warn: (message) => onWarning(`reports: ${message}`),
  };
  const tally = new TestTally();
  let count = 0;
  let bytes = 0;
  try {
    for (const path of await findReports(wanted, reading)) {
      const room = Math.min(MAX_FILE_BYTES, MAX_BYTES - bytes);
      const size = await addReport(path, room, tally, reading);
      bytes += size ?? 0;
      count += size === null ? 0 : 1;
    }
  } catch (error) {
    if (!limit.aborted || cancel.aborted) throw error;
    reading.warn(`the guest did not give them within ${READ_LIMIT_MS} ms`);
  }
  return tally.results(count);
}
