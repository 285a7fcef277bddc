import { shellQuoteArgs } from '../util/shell-quote-args.ts';
import type { ClusterJob } from './cluster-job.ts';

/** Shell texts, already quoted where they need it. */
export interface RunLineParts {
  /** The program: `gondolin`, `npx gondolin`. */
  readonly program: string;
  /** Number of the shard, from 1: `"$SHARD"` without its quotes. */
  readonly index: string;
  /** File of the record. */
  readonly record: string;
  /** Further options. */
  readonly more?: readonly string[];
}

/** Returns the shell command of one shard, which is the same for every engine. */
export function runLine(
  job: ClusterJob,
  { program, index, record, more = [] }: RunLineParts,
): string {
  const shard = `--shard "${index}/${job.shardCount}"`;
  const chosen = job.runArguments.length === 0 ? [] : [shellQuoteArgs([...job.runArguments])];
  return [program, 'run', shard, '--record', `"${record}"`, ...more, ...chosen].join(' ');
}
