import { stringify } from 'yaml';
import { type ClusterJob, movedPath } from '../cluster-job.ts';
import { runLine } from '../run-line.ts';

/** The Debian packages that gondolin needs, on Ubuntu as well. */
const PACKAGES = 'qemu-system-x86 mmdebstrap squashfs-tools xz-utils uidmap';

/** Makes /dev/kvm usable for the runner's user. */
const ALLOW_KVM = [
  `echo 'KERNEL=="kvm", GROUP="kvm", MODE="0666", OPTIONS+="static_node=kvm"' | sudo tee /etc/udev/rules.d/99-kvm.rules`,
  'sudo udevadm control --reload-rules',
  'sudo udevadm trigger --name-match=kvm',
].join('\n');

/** Returns text that GitHub evaluates. */
function expression(text: string): string {
  return `\${{ ${text} }}`;
}

function checkout(): object[] {
  return [
    { uses: 'actions/checkout@v4', with: { 'persist-credentials': false } },
    { uses: 'actions/setup-node@v4', with: { 'node-version': 22 } },
    { name: 'Install gondolin', run: 'npm install --global gondolin' },
  ];
}

function shardJob(job: ClusterJob): object {
  const secrets = job.secretVariables.map((name) => [name, expression(`secrets.${name}`)]);
  const line = runLine(job, {
    program: 'gondolin',
    index: '$SHARD',
    record: 'records/shard-$SHARD.json',
  });
  return {
    'runs-on': 'ubuntu-latest',
    strategy: {
      'fail-fast': false,
      matrix: { shard: Array.from({ length: job.shardCount }, (_, at) => at + 1) },
    },
    steps: [
      ...checkout(),
      {
        name: 'Install what gondolin needs',
        run: `sudo apt-get update\nsudo apt-get install -y --no-install-recommends ${PACKAGES}\n${ALLOW_KVM}`,
      },
      {
        name: 'Restore images and checkpoints',
        uses: 'actions/cache@v4',
        with: {
          path: '~/.cache/gondolin',
          key: `gondolin-${expression('runner.os')}-${expression('matrix.shard')}-${expression('github.run_id')}`,
          'restore-keys': `gondolin-${expression('runner.os')}-${expression('matrix.shard')}-\ngondolin-${expression('runner.os')}-`,
        },
      },
      {
        name: 'Run the shard',
        // A variable, so that the script is the same everywhere.
        env: { SHARD: expression('matrix.shard'), ...Object.fromEntries(secrets) },
        run: `mkdir -p records\n${line}`,
      },
      {
        uses: 'actions/upload-artifact@v4',
        if: expression('!cancelled()'),
        with: { name: `record-${expression('matrix.shard')}`, path: 'records/' },
      },
    ],
  };
}

function resultJob(): object {
  return {
    'runs-on': 'ubuntu-latest',
    needs: ['shard'],
    if: expression('!cancelled()'),
    steps: [
      ...checkout(),
      {
        uses: 'actions/download-artifact@v4',
        with: { pattern: 'record-*', path: 'records', 'merge-multiple': true },
      },
      {
        name: 'Merge the shards into one result',
        run: 'gondolin merge --junit junit.xml --report report.html records/shard-*.json',
      },
      {
        uses: 'actions/upload-artifact@v4',
        if: expression('!cancelled()'),
        with: { name: 'report', path: 'junit.xml\nreport.html' },
      },
    ],
  };
}

/**
 * Returns a workflow of GitHub Actions: a matrix with a job for each shard, then one that merges their results. Secrets are those of
 * the repository, by the names of their variables.
 */
export function matrixWorkflow(job: ClusterJob): string {
  const notes = [
    `# ${job.name} as ${job.shardCount} shards: .github/workflows/gondolin.yml`,
    ...job.secretFiles.map(
      (path) =>
        `# A secret that a step before "Run the shard" must write: ${movedPath(path, job, '')}`,
    ),
  ];
  const workflow = {
    name: job.name,
    on: { push: { branches: ['main'] }, pull_request: null },
    permissions: { contents: 'read' },
    jobs: { shard: shardJob(job), result: resultJob() },
  };
  return `${notes.join('\n')}\n${stringify(workflow, { lineWidth: 0, nullStr: '' })}`;
}
