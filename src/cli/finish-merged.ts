import { toErrorData } from '../project/error-data.ts';
import type { RunResult } from '../project/run-result.ts';
import type { MergedRun } from '../report/merge-records.ts';
import type { RunRecord } from '../report/run-record.ts';
import type { GlobalOptions } from './command-context.ts';
import { type CliIo, writeText } from './io.ts';
import { type ReportFlags, writeRunReports } from './run-reports.ts';
import { renderErrorData } from './ui/render-error.ts';
import { renderRunErrors, renderSummary } from './ui/summary.ts';
import { paintFor } from './ui/text/paint.ts';

/** A record has a service as one more step. */
function resultOf({ sandboxes, ...run }: RunRecord): RunResult {
  return { ...run, sandboxes: sandboxes.map((sandbox) => ({ ...sandbox, service: null })) };
}

/** Returns the message about shards that have no record; empty if all have one. */
function missingText({ missing, count }: MergedRun): string {
  if (missing.length === 0) return '';
  const which = missing.length === 1 ? `shard ${missing[0]}` : `shards ${missing.join(', ')}`;
  return `${which} of ${count} left no record: what ${missing.length === 1 ? 'it' : 'they'} ran is not in this result\n`;
}

/**
 * Writes the reports of merged shards, and prints their summary.
 * @returns The exit code of the whole.
 */
export async function finishMerged(
  merged: MergedRun,
  flags: ReportFlags & Pick<GlobalOptions, 'format'>,
  io: CliIo,
): Promise<number> {
  const { run } = merged;
  const isJson = flags.format === 'json';
  const failures = await writeRunReports(run, flags, io, !isJson);
  const paint = paintFor(io.stderr, io.env);
  if (isJson) {
    const { status, exitCode, durationMs } = run;
    const { missing, count } = merged;
    const facts = { status, exitCode, durationMs, shards: count, missing };
    await writeText(io.stdout, `${JSON.stringify(facts)}\n`);
  } else {
    const result = resultOf(run);
    await writeText(io.stdout, renderSummary(result, paintFor(io.stdout, io.env)));
    await writeText(io.stderr, renderRunErrors(result, paint));
  }
  await writeText(io.stderr, missingText(merged));
  for (const failure of failures) {
    await writeText(io.stderr, renderErrorData(toErrorData(failure), paint));
  }
  const [first] = failures;
  return run.exitCode !== 0 || first === undefined ? run.exitCode : toErrorData(first).exit;
}
