import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RunEvent } from '../project/run-event.ts';
import type { RecordedShard } from '../report/record-file.ts';
import type { RunRecord } from '../report/run-record.ts';
import { type CliIo, writeText } from './io.ts';
import { usageError } from './usage-error.ts';

/** The files that a run reports to when it has ended. */
export interface ReportFlags {
  readonly junit?: string;
  readonly report?: string;
  /** The run as data, for `gondolin merge` and `--durations`. */
  readonly record?: string;
}

/** The facts of a report besides the events of the run. */
interface ReportContext {
  /** Standard output is neither JSON nor that of a command. */
  readonly isTextAllowed: boolean;
  readonly shard: RecordedShard | null;
}

/** The reports of a run. */
export interface RunReports {
  /** Absolute paths, which no guest may write. */
  readonly paths: readonly string[];
  readonly onEvent: (event: RunEvent) => void;
  /** Writes the reports. Resolves with the errors that occurred; never rejects. */
  write(): Promise<unknown[]>;
}

const NONE: RunReports = { paths: [], onEvent: () => undefined, write: async () => [] };

type Write = (run: RunRecord) => Promise<void>;

/** Returns the writers of what GitHub Actions shows of a step. */
async function githubWrites(io: CliIo, isTextAllowed: boolean): Promise<Write[]> {
  if (io.env['GITHUB_ACTIONS'] !== 'true') return [];
  const { githubAnnotations, githubSummary } = await import('../report/github-summary.ts');
  const { GITHUB_STEP_SUMMARY: file = '' } = io.env;
  return [
    ...(file === '' ? [] : [(run: RunRecord) => appendFile(file, githubSummary(run))]),
    ...(isTextAllowed
      ? [async (run: RunRecord) => void (await writeText(io.stdout, githubAnnotations(run)))]
      : []),
  ];
}

/** The files of a run's reports, absolute; null for none. */
interface ReportPaths {
  readonly junit: string | null;
  readonly page: string | null;
  readonly record: string | null;
}

/** @throws {GondolinError} CLI_USAGE when two reports are the same file. */
function reportPaths({ junit, report, record }: ReportFlags, cwd: string): ReportPaths {
  const absolute = (file: string | undefined) => (file === undefined ? null : resolve(cwd, file));
  const named = {
    '--junit': absolute(junit),
    '--report': absolute(report),
    '--record': absolute(record),
  };
  const used = Object.entries(named).filter(([, path]) => path !== null);
  for (const [at, [flag, path]] of used.entries()) {
    const other = used.slice(0, at).find(([, before]) => before === path);
    if (other !== undefined) throw usageError(`${other[0]} and ${flag} name the same file`);
  }
  return { junit: named['--junit'], page: named['--report'], record: named['--record'] };
}

async function fileWrites(
  { junit, page, record }: ReportPaths,
  shard: RecordedShard | null,
): Promise<Write[]> {
  const { checkReportPath, writeReport } = await import('../report/write-report.ts');
  const writes: Write[] = [];
  for (const path of [junit, page, record]) if (path !== null) await checkReportPath(path);
  if (junit !== null) {
    const { junitXml } = await import('../report/junit.ts');
    writes.push((run) => writeReport(junit, junitXml(run)));
  }
  if (page !== null) {
    const { reportPage } = await import('../report/html/report-page.ts');
    writes.push((run) => writeReport(page, reportPage(run)));
  }
  if (record !== null) {
    const { writeRecord } = await import('../report/record-file.ts');
    writes.push((run) => writeRecord(record, { shard, run }));
  }
  return writes;
}

async function settle(writes: readonly Write[], run: RunRecord): Promise<unknown[]> {
  const ends = await Promise.allSettled(writes.map((write) => write(run)));
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
}

/**
 * Prepares the reports of a run: the files of `--junit`, `--report` and `--record`, relative to `io.cwd`, and what GitHub Actions shows.
 * @throws {GondolinError} REPORT_UNUSABLE, or CLI_USAGE when two are the same file.
 */
export async function openRunReports(
  flags: ReportFlags,
  io: CliIo,
  { isTextAllowed, shard }: ReportContext,
): Promise<RunReports> {
  const paths = reportPaths(flags, io.cwd);
  const writes = [...(await fileWrites(paths, shard)), ...(await githubWrites(io, isTextAllowed))];
  if (writes.length === 0) return NONE;
  const { RunRecorder } = await import('../report/run-record.ts');
  const recorder = new RunRecorder();
  return {
    paths: Object.values(paths).filter((path) => path !== null),
    onEvent: (event) => recorder.onEvent(event),
    write: async () => (recorder.record === null ? [] : settle(writes, recorder.record)),
  };
}

/**
 * Writes the reports of a run that has ended elsewhere.
 * @returns The errors that occurred.
 * @throws {GondolinError} as openRunReports, before anything is written.
 */
export async function writeRunReports(
  run: RunRecord,
  flags: ReportFlags,
  io: CliIo,
  isTextAllowed: boolean,
): Promise<unknown[]> {
  const writes = [
    ...(await fileWrites(reportPaths(flags, io.cwd), null)),
    ...(await githubWrites(io, isTextAllowed)),
  ];
  return settle(writes, run);
}
