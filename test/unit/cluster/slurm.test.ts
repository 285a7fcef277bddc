import { appendFileSync, chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OutputTail } from '../../../src/cluster/slurm/output-tail.ts';
import { findSlurm, parseTaskEnd, parseTasks } from '../../../src/cluster/slurm/slurm-commands.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** A directory with programs of these names and scripts, as Slurm's commands behave. */
function programs(scripts: Record<string, string>) {
  const directory = temporaryDirectory();
  for (const [name, script] of Object.entries({
    sbatch: '',
    squeue: '',
    scancel: '',
    scontrol: '',
    ...scripts,
  })) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return findSlurm({ PATH: directory });
}

describe('findSlurm()', () => {
  it('wants the programs in PATH', () => {
    expect(() => findSlurm({ PATH: temporaryDirectory() })).toThrow(
      expect.objectContaining({ code: 'CLUSTER_TOOL_MISSING' }),
    );
  });

  it('reads the id of a job, with or without the name of its cluster, and why one was refused', async () => {
    const submit = (script: string) => programs({ sbatch: script }).submit('job', [], {});
    expect(await submit('echo "17;west"')).toBe('17');
    expect(await submit('echo 18')).toBe('18');
    await expect(submit('echo "sbatch: error: no partition" >&2; exit 1')).rejects.toMatchObject({
      code: 'CLUSTER_REFUSED',
      message: expect.stringContaining('no partition'),
    });
  });

  it('takes a job that Slurm has forgotten for ended, and silence for neither', async () => {
    const open = (script: string) => programs({ squeue: script }).openTasks('17');
    expect(await open('printf "3\\n12\\n"')).toEqual([3, 12]);
    const gone = 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1';
    expect(await open(gone)).toEqual([]);
    await expect(
      open('echo "Unable to contact slurm controller" >&2; exit 1'),
    ).rejects.toMatchObject({
      code: 'CLUSTER_UNREACHABLE',
    });
  });
});

it('parseTasks() and parseTaskEnd() read what Slurm prints', () => {
  expect(parseTasks('1\n 2\nN/A\n\n')).toEqual([1, 2]);
  const text =
    'JobId=19 ArrayJobId=17 ArrayTaskId=2 JobState=FAILED Reason=NonZeroExitCode ExitCode=9:0 X=1';
  expect(parseTaskEnd(text)).toEqual({ state: 'FAILED', exitCode: 9 });
  expect(parseTaskEnd('JobState=CANCELLED ExitCode=0:15')).toEqual({
    state: 'CANCELLED',
    exitCode: 143,
  });
  expect(parseTaskEnd('slurm_load_jobs error')).toBeNull();
});

it('OutputTail passes on whole lines as a file grows, whatever pieces it grows by', async () => {
  const path = join(temporaryDirectory(), 'log');
  const lines: string[] = [];
  const tail = new OutputTail(path, (line) => lines.push(line));
  await tail.read();
  appendFileSync(path, 'one\ntw');
  await tail.read();
  expect(lines).toEqual(['one']);
  const euro = Buffer.from('€');
  appendFileSync(path, Buffer.concat([Buffer.from('o '), euro.subarray(0, 2)]));
  await tail.read();
  appendFileSync(path, Buffer.concat([euro.subarray(2), Buffer.from('\nlast')]));
  await tail.end();
  expect(lines).toEqual(['one', 'two €', 'last']);
  const long: number[] = [];
  const other = new OutputTail(path, (line) => long.push(line.length));
  appendFileSync(path, 'x'.repeat(40_000));
  await other.end();
  expect(long.slice(2)).toEqual([16_384, 16_384, 7_236]);
});
