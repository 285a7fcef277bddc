import { resolve } from 'node:path';
import type { ClusterJob } from '../../cluster/cluster-job.ts';
import { type ClusterFlags, openClusterRun } from '../cluster-run.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { usageError } from '../usage-error.ts';
import { writeNewFile } from '../write-new-file.ts';

interface ExportFlags extends ClusterFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly image?: string;
  readonly directory?: string;
  /** false with `--no-kvm`. */
  readonly kvm?: string | false;
  readonly claim?: string;
  readonly claimSize?: string;
  readonly secret?: string;
}

const TARGETS = ['slurm', 'kubernetes', 'github'] as const;

/** Options of `export kubernetes` only. */
const KUBERNETES_FLAGS = ['image', 'directory', 'kvm', 'claim', 'claimSize', 'secret'] as const;

async function textFor(
  target: (typeof TARGETS)[number],
  job: ClusterJob,
  flags: ExportFlags,
): Promise<string> {
  if (target === 'slurm')
    return (await import('../../cluster/slurm/array-script.ts')).arrayScript(job);
  if (target === 'github') {
    return (await import('../../cluster/github/matrix-workflow.ts')).matrixWorkflow(job);
  }
  if (flags.image === undefined) {
    const hint = 'Give an image that contains gondolin, QEMU and the project.';
    throw usageError('export kubernetes: want --image IMAGE', hint);
  }
  const { indexedJob } = await import('../../cluster/kubernetes/indexed-job.ts');
  return indexedJob(job, {
    image: flags.image,
    directory: flags.directory ?? '/workspace',
    kvmResource: flags.kvm === false ? null : (flags.kvm ?? 'devices.kubevirt.io/kvm'),
    claim: flags.claim ?? 'gondolin',
    claimSize: flags.claimSize ?? '50Gi',
    secret: flags.secret ?? 'gondolin-secrets',
  });
}

/** `export`: writes the project as a job of several machines: an array job, an Indexed Job, or a matrix workflow. */
export const exportCommand: CommandRun<ExportFlags> = async ({ io, options, operands }) => {
  const [name, ...chosen] = operands;
  const target = TARGETS.find((one) => one === name);
  if (target === undefined) {
    const found = name === undefined ? '' : ` ${name}`;
    throw usageError(`export${found}: want one of ${TARGETS.join(', ')}`);
  }
  const foreign = KUBERNETES_FLAGS.find((flag) => options[flag] !== undefined);
  if (target !== 'kubernetes' && foreign !== undefined) {
    throw usageError(`export ${target}: --${foreign} is an option of export kubernetes`);
  }
  const { job } = await openClusterRun(chosen, options, io);
  const text = await textFor(target, job, options);
  if (options.output === undefined) await writeText(io.stdout, text);
  else await writeNewFile(io, resolve(io.cwd, options.output), text, options.force === true);
  return 0;
};
