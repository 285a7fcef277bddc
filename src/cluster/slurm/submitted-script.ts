import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import type { ClusterJob } from '../cluster-job.ts';
import { runLine } from '../run-line.ts';
import { heading } from './array-script.ts';

/** The places of one submitted run; all paths are absolute and shared by the nodes. */
export interface SubmittedPlaces {
  /** The program of Node.js and the script of the command line, or other words that start gondolin. */
  readonly program: readonly string[];
  /** Directory of the project. */
  readonly directory: string;
  /** Directory of the job: the records of the shards and their output. */
  readonly jobDirectory: string;
  /** `XDG_CACHE_HOME` of the shards. */
  readonly cacheHome: string;
}

/** File of a shard's output in the directory of a job. */
export function outputFile(index: number | string): string {
  return `shard-${index}.log`;
}

/** Directory of a shard's artifacts in the directory of a job. */
export function artifactsDirectory(index: number | string): string {
  return `artifacts-${index}`;
}

/** File of a shard's record in the directory of a job. */
export function recordFile(index: number | string): string {
  return `shard-${index}.json`;
}

/** Returns the array job of `run --on slurm`, whose files are in a directory of its own. */
export function submittedScript(job: ClusterJob, places: SubmittedPlaces): string {
  const quoted = (text: string) => shellQuoteArgs([text]);
  return [
    ...heading(job),
    'set -eu',
    `cd -- ${quoted(places.directory)}`,
    `export XDG_CACHE_HOME=${quoted(places.cacheHome)}`,
    `job=${quoted(places.jobDirectory)}`,
    `exec ${runLine(job, {
      program: shellQuoteArgs([...places.program]),
      index: '$SLURM_ARRAY_TASK_ID',
      record: `$job/${recordFile('$SLURM_ARRAY_TASK_ID')}`,
      more: [
        '--progress plain',
        `--artifacts "$job/${artifactsDirectory('$SLURM_ARRAY_TASK_ID')}"`,
      ],
    })}`,
    '',
  ].join('\n');
}
