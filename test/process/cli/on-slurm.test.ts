import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';

it('gondolin run --on slurm lets no secret into the spool of Slurm unasked', async () => {
  const cwd = directoryWith('secrets: [TOKEN@api.github.com]\nsteps: [x]\n');
  for (const name of ['sbatch', 'squeue', 'scancel', 'scontrol']) {
    writeFileSync(join(cwd, name), `#!/bin/sh\nenv > ${cwd}/env\necho refused >&2\nexit 1\n`);
    chmodSync(join(cwd, name), 0o755);
  }
  const env = { PATH: `${cwd}:/usr/bin:/bin`, TOKEN: 'hunter2' };
  const run = (...args: string[]) => runCli(['run', '--on', 'slurm', ...args], { cwd, env });
  const refused = await run();
  expect(refused.code).toBe(2);
  expect(refused.all).toContain('CLUSTER_SECRETS_LEFT');
  expect(refused.all).not.toContain('hunter2');
  const sent = await run('--send-secrets');
  expect(sent.code).toBe(125);
  expect(sent.all).toContain('CLUSTER_REFUSED');
  expect(sent.all).not.toContain('hunter2');
});
