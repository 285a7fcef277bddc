import type { AddCommand } from './add-command.ts';

/** Adds the commands that share a run between machines. */
export function addShardCommands(add: AddCommand): void {
  add(
    'export [target] [sandbox] [steps...]',
    'write the project as a job of several machines',
    async () => {
      return (await import('../commands/export.ts')).exportCommand;
    },
  )
    .usage('[options] slurm|kubernetes|github [SANDBOX] [STEP...]')
    .option('-o, --output <file>', 'write to this file (default: standard output)')
    .option('--force', 'overwrite an existing file')
    .option('--shards <n>', 'number of shards (default: as many as have something to do)')
    .option('--durations <file>', 'split by the durations in this record of an earlier run')
    .option('--image <image>', 'kubernetes: container image with gondolin and the project')
    .option('--directory <path>', 'kubernetes: the project in the image (default: /workspace)')
    .option(
      '--kvm <resource>',
      'kubernetes: resource for /dev/kvm (default: devices.kubevirt.io/kvm)',
    )
    .option('--no-kvm', 'kubernetes: without /dev/kvm, which is slow')
    .option('--claim <name>', 'kubernetes: claim for cache and results (default: gondolin)')
    .option('--claim-size <size>', 'kubernetes: its size (default: 50Gi)')
    .option('--secret <name>', 'kubernetes: Secret with the secrets (default: gondolin-secrets)');
  add('merge [records...]', 'merge what the shards of a run recorded into one result', async () => {
    return (await import('../commands/merge.ts')).mergeCommand;
  })
    .usage('[options] RECORD...')
    .option('--junit <file>', 'write a JUnit report: sandboxes as suites, steps as cases')
    .option('--report <file>', 'write a report as one HTML page')
    .option('--record <file>', 'write the merged run as data, for --durations');
}
