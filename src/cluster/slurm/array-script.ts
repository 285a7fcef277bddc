import { type ClusterJob, toMebibytes } from '../cluster-job.ts';
import { runLine } from '../run-line.ts';

/** Lines that tell sbatch what the job needs. */
export function heading(job: ClusterJob): string[] {
  return [
    '#!/bin/bash',
    `#SBATCH --job-name=gondolin-${job.name}`,
    `#SBATCH --array=1-${job.shardCount}`,
    '#SBATCH --ntasks=1',
    `#SBATCH --cpus-per-task=${job.cpus}`,
    `#SBATCH --mem=${toMebibytes(job.memoryBytes)}M`,
    '#SBATCH --requeue',
    '#SBATCH --open-mode=append',
  ];
}

function secretNotes({ secretVariables, secretFiles }: ClusterJob): string[] {
  return [
    ...(secretVariables.length === 0
      ? []
      : [`# Secrets, to be set where sbatch is run: ${secretVariables.join(' ')}.`]),
    ...secretFiles.map((path) => `# A secret, to be readable on each node: ${path}`),
  ];
}

/** Returns an array job for `sbatch`, to be submitted in the project's directory. It contains no value of a secret. */
export function arrayScript(job: ClusterJob): string {
  const record = '$results/shard-$SLURM_ARRAY_TASK_ID.json';
  return [
    ...heading(job),
    '#SBATCH --output=gondolin-%A_%a.log',
    '#',
    '# Submit it in the directory of the project, which all nodes share: sbatch FILE',
    '# A shard whose node fails is run again. One result of all shards, with its exit code, when the job has ended:',
    '#   gondolin merge --junit junit.xml --report report.html gondolin-results/JOB/shard-*.json',
    ...secretNotes(job),
    'set -eu',
    'cd "$SLURM_SUBMIT_DIR"',
    '# Images and checkpoints: a directory that all nodes share.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the shell
    'export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}"',
    'results="gondolin-results/$SLURM_ARRAY_JOB_ID"',
    'mkdir -p "$results"',
    // Replaces the shell, so that a signal of Slurm reaches gondolin.
    `exec ${runLine(job, { program: 'gondolin', index: '$SLURM_ARRAY_TASK_ID', record, more: ['--progress plain'] })}`,
    '',
  ].join('\n');
}
