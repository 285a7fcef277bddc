import { randomBytes } from 'node:crypto';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ClusterJob } from '../cluster/cluster-job.ts';
import { collectArtifacts } from '../cluster/slurm/collect-artifacts.ts';
import { followArray } from '../cluster/slurm/follow-array.ts';
import { findSlurm, type SlurmCommands } from '../cluster/slurm/slurm-commands.ts';
import { outputFile, recordFile, submittedScript } from '../cluster/slurm/submitted-script.ts';
import { EXIT } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import {
  type Environment,
  ensureDirectory,
  NAMES,
  resolveDirectories,
} from '../host/directories.ts';
import { mergeRecords } from '../report/merge-records.ts';
import { type RecordedRun, readRecord } from '../report/record-file.ts';
import { type ClusterFlags, openClusterRun } from './cluster-run.ts';
import { finishMerged } from './finish-merged.ts';
import { type CliIo, writeText } from './io.ts';
import type { ReportFlags } from './run-reports.ts';
import { plainText } from './ui/text/describe.ts';

export interface SlurmFlags extends ClusterFlags, ReportFlags {
  /** Lets Slurm carry the values of secrets to the nodes. */
  readonly sendSecrets?: boolean;
  readonly cold?: boolean;
  /** False with `--no-cache`. */
  readonly cache?: boolean;
  readonly parallel?: number;
  readonly artifacts?: string;
}

/** Options that each shard gets as they are. */
function passedOn({ cold, cache, parallel, locked, pull }: SlurmFlags): string[] {
  return [
    ...(cold === true ? ['--cold'] : []),
    ...(cache === false ? ['--no-cache'] : []),
    ...(locked === true ? ['--locked'] : []),
    ...(pull === undefined ? [] : ['--pull', pull]),
    ...(parallel === undefined ? [] : ['--parallel', String(parallel)]),
  ];
}

/** The files of a job that nobody came back for. */
const OLD_JOB_MS = 7 * 24 * 60 * 60 * 1000;

/** Makes a directory for a job below the cache, and removes those of a week ago. */
async function makeJobDirectory(cache: string): Promise<string> {
  const parent = join(cache, NAMES.jobs);
  await ensureDirectory(parent);
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const found = await stat(path).catch(() => null);
    if (found === null || Date.now() - found.mtimeMs < OLD_JOB_MS) continue;
    await rm(path, { recursive: true, force: true });
  }
  const directory = join(parent, `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`);
  await ensureDirectory(directory);
  return directory;
}

/**
 * Returns the environment that Slurm gives to the shards. It keeps a copy until the job has ended: secrets are not in it unless the
 * user says so.
 * @throws {GondolinError} CLUSTER_SECRETS_LEFT
 */
function jobEnvironment(job: ClusterJob, isSending: boolean, env: Environment): Environment {
  const names = job.secretVariables.filter((name) => env[name] !== undefined);
  if (isSending || names.length === 0) return env;
  throw new GondolinError(
    'CLUSTER_SECRETS_LEFT',
    `--on slurm: Slurm would keep the values of ${names.join(', ')} in its spool`,
  );
}

interface Submitted {
  readonly slurm: SlurmCommands;
  readonly jobId: string;
  readonly directory: string;
}

async function submit(job: ClusterJob, flags: SlurmFlags, io: CliIo): Promise<Submitted> {
  const slurm = findSlurm(io.env);
  const env = jobEnvironment(job, flags.sendSecrets === true, io.env);
  const { cache } = resolveDirectories(io.env);
  const directory = await makeJobDirectory(cache);
  try {
    const script = join(directory, 'job.sh');
    const program = [process.execPath, process.argv[1] ?? 'gondolin'];
    const places = { program, directory: job.directory, jobDirectory: directory };
    await writeFile(script, submittedScript(job, { ...places, cacheHome: dirname(cache) }), {
      mode: 0o700,
    });
    // sbatch reads % in this path.
    const output = `${directory.replaceAll('%', '%%')}/${outputFile('%a')}`;
    const args = ['--export=ALL', `--output=${output}`];
    return { slurm, jobId: await slurm.submit(script, args, env), directory };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function follow(job: ClusterJob, { slurm, jobId, directory }: Submitted, io: CliIo) {
  const { shardCount } = job;
  const width = String(shardCount).length;
  await followArray({
    ...{ slurm, jobId, directory, shardCount },
    signal: io.signal,
    onLine: (shard, line) => {
      const head = `shard ${String(shard).padStart(width)} | `;
      void writeText(io.stdout, `${head}${plainText(line)}\n`);
    },
    onUnreachable: (error) => {
      void writeText(io.stderr, `Slurm does not answer, waiting: ${plainText(error.message)}\n`);
    },
  });
}

async function readRecords({ shardCount }: ClusterJob, directory: string): Promise<RecordedRun[]> {
  const records: RecordedRun[] = [];
  for (let shard = 1; shard <= shardCount; shard += 1) {
    const path = join(directory, recordFile(shard));
    if ((await stat(path).catch(() => null)) !== null) records.push(await readRecord(path));
  }
  return records;
}

/** Says how tasks without a record ended, and returns the exit code of the first; null if Slurm does not know one. */
async function explainLost(
  missing: readonly number[],
  { slurm, jobId, directory }: Submitted,
  io: CliIo,
): Promise<number | null> {
  let exitCode: number | null = null;
  for (const shard of missing) {
    const end = await slurm.endOf(jobId, shard);
    const how = end === null ? 'unknown to Slurm' : `${end.state}, exit ${end.exitCode}`;
    const place = join(directory, outputFile(shard));
    await writeText(io.stderr, `shard ${shard} left no result: ${how}; its output is ${place}\n`);
    if (end !== null && end.exitCode !== 0) exitCode ??= end.exitCode;
  }
  return exitCode;
}

async function finish(
  job: ClusterJob,
  submitted: Submitted,
  flags: SlurmFlags,
  io: CliIo,
): Promise<number> {
  const { directory } = submitted;
  const records = await readRecords(job, directory);
  const present = new Set(records.map(({ shard }) => shard?.index));
  const all = Array.from({ length: job.shardCount }, (_, at) => at + 1);
  const missing = all.filter((shard) => !present.has(shard));
  const lost = await explainLost(missing, submitted, io);
  if (records.length === 0) return lost ?? EXIT.runner;
  const merged = mergeRecords(records);
  const isFailed = records.some(({ run }) => run.exitCode !== 0);
  const code = await finishMerged(merged, flags, io);
  const target = resolve(io.cwd, flags.artifacts ?? join(job.directory, 'gondolin-artifacts'));
  await collectArtifacts(directory, job.shardCount, target);
  if (missing.length === 0) await rm(directory, { recursive: true, force: true });
  return isFailed || lost === null ? code : lost;
}

/**
 * `run --on slurm`: submits the shards as an array job, shows the output of all, and makes one result of them. Ctrl-C cancels the job.
 * @returns The exit code: that of the first shard that failed.
 */
export async function runOnSlurm(
  operands: readonly string[],
  flags: SlurmFlags,
  io: CliIo,
): Promise<number> {
  const { job: described } = await openClusterRun(operands, flags, io);
  const runArguments = [...passedOn(flags), ...described.runArguments];
  const job = { ...described, runArguments };
  const submitted = await submit(job, flags, io);
  const shards = job.shardCount === 1 ? '1 shard' : `${job.shardCount} shards`;
  await writeText(io.stderr, `=> Slurm job ${submitted.jobId}: ${shards}\n`);
  try {
    await follow(job, submitted, io);
  } catch (error) {
    if (io.signal.aborted) await rm(submitted.directory, { recursive: true, force: true });
    throw error;
  }
  return finish(job, submitted, flags, io);
}
