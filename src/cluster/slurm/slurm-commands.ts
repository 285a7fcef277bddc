import { execFile } from 'node:child_process';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { Environment } from '../../host/directories.ts';
import { findTool } from '../../host/tools.ts';

/** Longest output of one command of Slurm, in bytes. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** squeue and scancel have their own limits below it. */
const COMMAND_LIMIT_MS = 60_000;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The commands of Slurm on this machine. */
export interface SlurmCommands {
  /**
   * Submits a script.
   * @returns The id of the job, `[0-9]+`.
   * @throws {GondolinError} CLUSTER_REFUSED
   */
  submit(script: string, args: readonly string[], env: Environment): Promise<string>;
  /** Numbers of the tasks of an array job that have not ended. @throws {GondolinError} CLUSTER_UNREACHABLE */
  openTasks(jobId: string): Promise<number[]>;
  /** Cancels a job; one that has ended is left alone. @throws {GondolinError} CLUSTER_UNREACHABLE */
  cancel(jobId: string): Promise<void>;
  /** Returns how a task ended; null if Slurm no longer knows it. */
  endOf(jobId: string, task: number): Promise<TaskEnd | null>;
}

/** The end of a task as Slurm tells it. */
export interface TaskEnd {
  /** `FAILED`, `CANCELLED`, `OUT_OF_MEMORY`, `TIMEOUT`, `NODE_FAIL`, … */
  readonly state: string;
  /** 0..255; 128+n after signal n. */
  readonly exitCode: number;
}

function run(file: string, args: readonly string[], env?: Environment): Promise<Outcome> {
  const options = {
    timeout: COMMAND_LIMIT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(env === undefined ? {} : { env }),
  };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : -1;
      resolve({ code: error === null ? 0 : code, stdout, stderr });
    });
  });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Reads the numbers of `squeue --array --format=%K`. */
export function parseTasks(text: string): number[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
}

/** Reads `scontrol --oneliner show job`: `… JobState=FAILED … ExitCode=9:0 …`. */
export function parseTaskEnd(text: string): TaskEnd | null {
  const state = /(?:^| )JobState=([A-Z_]+)/.exec(text)?.[1];
  const codes = /(?:^| )ExitCode=(\d+):(\d+)/.exec(text);
  if (state === undefined || codes === null) return null;
  const [exitCode, signal] = [Number(codes[1]), Number(codes[2])];
  return { state, exitCode: signal > 0 ? 128 + signal : exitCode };
}

/**
 * Finds the commands of Slurm.
 * @throws {GondolinError} CLUSTER_TOOL_MISSING
 */
export function findSlurm(env: Environment): SlurmCommands {
  const [sbatch = '', squeue = '', scancel = '', scontrol = ''] = [
    'sbatch',
    'squeue',
    'scancel',
    'scontrol',
  ].map((name) => {
    const path = findTool(name, env)?.path;
    if (path !== undefined) return path;
    throw new GondolinError('CLUSTER_TOOL_MISSING', `--on slurm: ${name} is not in PATH`);
  });
  const unreachable = (what: string, { stderr, code }: Outcome) =>
    new GondolinError('CLUSTER_UNREACHABLE', `${what}: ${lastLine(stderr) || `exit ${code}`}`);
  return {
    async submit(script, args, jobEnv) {
      const outcome = await run(sbatch, ['--parsable', ...args, script], jobEnv);
      const id = /^(\d+)/.exec(lastLine(outcome.stdout))?.[1];
      if (outcome.code === 0 && id !== undefined) return id;
      const reason = lastLine(outcome.stderr) || `exit ${outcome.code}`;
      throw new GondolinError('CLUSTER_REFUSED', `sbatch refused the job: ${reason}`);
    },
    async openTasks(jobId) {
      const args = ['--noheader', '--array', '--format=%K', `--jobs=${jobId}`];
      const outcome = await run(squeue, args);
      // Slurm has forgotten a job some minutes after its end.
      if (outcome.code !== 0 && !outcome.stderr.includes('Invalid job id')) {
        throw unreachable('squeue failed', outcome);
      }
      return parseTasks(outcome.stdout);
    },
    async cancel(jobId) {
      const outcome = await run(scancel, [jobId]);
      if (outcome.code !== 0 && !outcome.stderr.includes('Invalid job id')) {
        throw unreachable('scancel failed', outcome);
      }
    },
    async endOf(jobId, task) {
      const { stdout } = await run(scontrol, ['--oneliner', 'show', 'job', `${jobId}_${task}`]);
      return parseTaskEnd(stdout);
    },
  };
}
