// `npm run test:slurm`: runs on a real Slurm of three nodes on this machine, in directories of its own, without systemd.
import { installMissing } from './host-packages.mjs';
import { run } from './run.mjs';
import { setup } from './setup.mjs';

/** Debian package that brings each program. */
const TOOLS = { slurmctld: 'slurm-wlm', slurmd: 'slurm-wlm', sbatch: 'slurm-wlm', munged: 'munge' };

if (process.getuid?.() !== 0) {
  console.error('test:slurm: the daemons of Slurm need root: run it as root');
  process.exit(1);
}
await setup({ forTests: true });
await installMissing(TOOLS);
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'slurm']);
