import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RunEvent } from '../project/run-event.ts';
import type { RunRecord } from '../report/run-record.ts';
import { type CliIo, writeText } from './io.ts';
import { usageError } from './usage-error.ts';

/** The files that a run reports to when it has ended. */
export interface ReportFlags {
  readonly junit?: string;
  readonly report?: string;
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

async function fileWrites(junit: string | null, page: string | null): Promise<Write[]> {
  const { checkReportPath, writeReport } = await import('../report/write-report.ts');
  const writes: Write[] = [];
  if (junit !== null) {
    await checkReportPath(junit);
    const { junitXml } = await import('../report/junit.ts');
    writes.push((run) => writeReport(junit, junitXml(run)));
  }
  if (page !== null) {
    await checkReportPath(page);
    const { reportPage } = await import('../report/html/report-page.ts');
    writes.push((run) => writeReport(page, reportPage(run)));
  }
  return writes;
}

/**
 * Prepares the reports of a run: the files of `--junit` and `--report`, relative to `io.cwd`, and what GitHub Actions shows.
 * @param isTextAllowed  Standard output is neither JSON nor that of a command.
 * @throws {GondolinError} REPORT_UNUSABLE, or CLI_USAGE when both are the same file.
 */
export async function openRunReports(
  { junit, report }: ReportFlags,
  io: CliIo,
  isTextAllowed: boolean,
): Promise<RunReports> {
  const junitPath = junit === undefined ? null : resolve(io.cwd, junit);
  const pagePath = report === undefined ? null : resolve(io.cwd, report);
  if (junitPath !== null && junitPath === pagePath) {
    throw usageError('--junit and --report name the same file');
  }
  const writes = [
    ...(await fileWrites(junitPath, pagePath)),
    ...(await githubWrites(io, isTextAllowed)),
  ];
  if (writes.length === 0) return NONE;
  const { RunRecorder } = await import('../report/run-record.ts');
  const recorder = new RunRecorder();
  return {
    paths: [junitPath, pagePath].filter((path) => path !== null),
    onEvent: (event) => recorder.onEvent(event),
    write: async () => {
      const { record } = recorder;
      if (record === null) return [];
      const ends = await Promise.allSettled(writes.map((write) => write(record)));
      return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    },
  };
}
