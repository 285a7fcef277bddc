import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT_BIN } from '../fixtures/cli/run-cli.ts';
import { type SlurmCluster, startSlurm } from '../fixtures/slurm-cluster.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

let slurm: SlurmCluster;

beforeAll(async () => {
  slurm = await startSlurm();
}, 120_000);

afterAll(() => slurm?.stop(), 60_000);

const RUN_LIMIT_MS = 400_000;

function projectWith(yaml: string): string {
  const cwd = join(temporaryDirectory(), 'shop');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'gondolin.yaml'), yaml);
  return cwd;
}

/** A `gondolin run --on slurm`, while it runs. */
function startRun(cwd: string, args: readonly string[] = [], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [BUILT_BIN, 'run', '--on', 'slurm', ...args], {
    cwd,
    env: { ...process.env, ...slurm.env, CI: '1', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.on('close', (code) => resolve(code ?? -1));
  });
  const until = async (pattern: RegExp) => {
    for (;;) {
      const match = pattern.exec(output);
      if (match !== null) return match;
      if (child.exitCode !== null) throw new Error(`it ended before ${pattern}:\n${output}`);
      await delay(100);
    }
  };
  return { child, ended, until, output: () => output };
}

/** Machines of this test's state directory. */
function machines(): string[] {
  const sessions = join(process.env['XDG_STATE_HOME'] ?? '', 'gondolin/sessions');
  return readdirSync(sessions).filter((name) => name.endsWith('.json'));
}

function jobDirectories(): string[] {
  return readdirSync(join(process.env['XDG_CACHE_HOME'] ?? '', 'gondolin/jobs'));
}

/** The nodes on which the tasks of a job ran. */
function nodesOf(jobId: string): string[] {
  const text = slurm.command('scontrol', '--oneliner', 'show', 'job', jobId);
  return [
    ...new Set([...text.matchAll(/ BatchHost=(\S+)/g)].map((match) => match[1] ?? '')),
  ].toSorted();
}

/** Lets a task that Slurm runs again start at once: by itself it waits two minutes. */
async function restartNow(jobId: string, task: number): Promise<void> {
  const reasons = () => slurm.command('squeue', '--noheader', '--array', '--format=%K %r');
  while (!reasons().includes(`${task} BeginTime`)) await delay(500);
  slurm.command('scontrol', 'update', `JobId=${jobId}_${task}`, 'StartTime=now');
}

const SIX = `
name: shop
matrix: { cell: [1, 2, 3, 4, 5, 6] }
artifacts: [made]
steps:
  - name: check
    run: 'echo cell \${matrix.cell} | tee made; [ \${matrix.cell} != 4 ] || exit 9'
`;

describe('gondolin run --on slurm', () => {
  it(
    'runs six shards on three nodes: one fails, its exit code comes back, the report has all cases',
    async () => {
      const cwd = projectWith(SIX);
      const run = startRun(cwd, [
        '--junit',
        'junit.xml',
        '--report',
        'report.html',
        '--record',
        'run.json',
      ]);
      const code = await run.ended;
      expect(code, run.output()).toBe(9);
      const jobId = /Slurm job (\d+): 6 shards/.exec(run.output())?.[1] ?? '';
      expect(nodesOf(jobId)).toEqual(['n1', 'n2', 'n3']);
      expect(run.output()).toMatch(/^shard 3 \| .*cell 3/m);
      const junit = readFileSync(join(cwd, 'junit.xml'), 'utf8');
      expect(junit).toContain('tests="6" failures="1" errors="0" skipped="0"');
      for (const cell of [1, 2, 3, 4, 5, 6]) {
        expect(junit).toContain(`<testcase name="check" classname="shop-${cell}"`);
      }
      expect(readFileSync(join(cwd, 'report.html'), 'utf8')).toContain('exit 9');
      expect(readFileSync(join(cwd, 'gondolin-artifacts/shop-4/made'), 'utf8')).toBe('cell 4\n');
      expect(jobDirectories()).toEqual([]);
    },
    RUN_LIMIT_MS,
  );

  it(
    'is cancelled by Ctrl-C: the job is gone, and no machine is left',
    async () => {
      const run = startRun(
        projectWith(SIX.replace('echo cell', 'echo waiting in; sleep 600; echo')),
      );
      const [, jobId = ''] = await run.until(/Slurm job (\d+)/);
      await run.until(/\| .*waiting in/);
      expect(machines()).not.toEqual([]);
      run.child.kill('SIGINT');
      expect(await run.ended, run.output()).toBe(130);
      expect(slurm.command('squeue', '--noheader', `--jobs=${jobId}`)).toBe('');
      expect(machines()).toEqual([]);
      expect(jobDirectories()).toEqual([]);
    },
    RUN_LIMIT_MS,
  );

  it(
    'runs a shard again whose node was killed, and the result is right',
    async () => {
      const cwd = projectWith(`
name: shop
matrix: { cell: [1, 2] }
volumes: [".:/work"]
steps:
  - name: check
    run: 'echo begin \${matrix.cell} >> /work/log; echo begun; while [ ! -e /work/go ]; do sleep 0.2; done; echo done \${matrix.cell}'
`);
      const run = startRun(cwd, ['--junit', 'junit.xml']);
      const [, jobId = ''] = await run.until(/Slurm job (\d+)/);
      await run.until(/shard 1 \| .*begun/);
      await run.until(/shard 2 \| .*begun/);
      const text = slurm.command('scontrol', '--oneliner', 'show', 'job', `${jobId}_2`);
      const node = / BatchHost=(\S+)/.exec(text)?.[1] ?? '';
      slurm.killNode(node);
      writeFileSync(join(cwd, 'go'), '');
      await restartNow(jobId, 2);
      expect(await run.ended, run.output()).toBe(0);
      slurm.startNode(node);
      const begun = readFileSync(join(cwd, 'log'), 'utf8').trim().split('\n').toSorted();
      expect(begun).toEqual(['begin 1', 'begin 2', 'begin 2']);
      expect(readFileSync(join(cwd, 'junit.xml'), 'utf8')).toContain(
        'tests="2" failures="0" errors="0"',
      );
    },
    RUN_LIMIT_MS,
  );
});
