import { resolve } from 'node:path';
import type { RecordedRun } from '../../report/record-file.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import type { ReportFlags } from '../run-reports.ts';
import { usageError } from '../usage-error.ts';

/** `merge`: makes one result of what the shards of a run recorded, and exits with its code. */
export const mergeCommand: CommandRun<ReportFlags> = async ({ io, options, operands }) => {
  chooseFormat(options, ['text', 'json']);
  if (operands.length === 0) {
    throw usageError('merge: want the records of shards', 'Write gondolin merge shard-*.json.');
  }
  const { readRecord } = await import('../../report/record-file.ts');
  const { mergeRecords } = await import('../../report/merge-records.ts');
  const { finishMerged } = await import('../finish-merged.ts');
  const records: RecordedRun[] = [];
  for (const file of operands) records.push(await readRecord(resolve(io.cwd, file)));
  return finishMerged(mergeRecords(records), options, io);
};
