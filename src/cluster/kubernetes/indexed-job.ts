import { stringify } from 'yaml';
import { type ClusterJob, movedPath, toMebibytes } from '../cluster-job.ts';
import { runLine } from '../run-line.ts';

export interface KubernetesOptions {
  /** Container image with gondolin, QEMU and the project. */
  readonly image: string;
  /** Directory of the project in it. */
  readonly directory: string;
  /** Resource of the device plugin that gives a container /dev/kvm; null for none, which is many times slower. */
  readonly kvmResource: string | null;
  /** Name of the PersistentVolumeClaim with the cache and the results. */
  readonly claim: string;
  /** Size of that claim, such as `50Gi`. */
  readonly claimSize: string;
  /** Name of the Secret with the project's secrets, one key for each variable. */
  readonly secret: string;
}

/** Where the claim is mounted: the cache, and the records of the shards. */
const CACHE_PATH = '/gondolin/cache';
const RESULTS_PATH = '/gondolin/results';
/** Where files with secrets are mounted from. */
const FILES_VOLUME = 'secret-files';
/** Kubernetes counts shards from 0. */
const INDEX = '$((JOB_COMPLETION_INDEX + 1))';

/** A key of a Secret: letters, digits, `-`, `_` and `.`. */
function fileKey(path: string, job: ClusterJob): string {
  return movedPath(path, job, '/')
    .replace(/^\/+/, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}

function claimOf({ claim, claimSize }: KubernetesOptions): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: claimSize } } },
  };
}

function volumesOf(job: ClusterJob, { claim, secret }: KubernetesOptions): object[] {
  const items = job.secretFiles.map((path) => ({
    key: fileKey(path, job),
    path: fileKey(path, job),
  }));
  return [
    { name: 'gondolin', persistentVolumeClaim: { claimName: claim } },
    ...(items.length === 0 ? [] : [{ name: FILES_VOLUME, secret: { secretName: secret, items } }]),
  ];
}

function containerOf(job: ClusterJob, options: KubernetesOptions): object {
  const record = `${RESULTS_PATH}/$JOB_NAME/shard-${INDEX}.json`;
  const script = [
    `mkdir -p "${RESULTS_PATH}/$JOB_NAME"`,
    `exec ${runLine(job, { program: 'gondolin', index: INDEX, record, more: ['--progress plain'] })}`,
  ].join('\n');
  const requests = { cpu: String(job.cpus), memory: `${toMebibytes(job.memoryBytes)}Mi` };
  const { kvmResource } = options;
  const fromLabel = "metadata.labels['batch.kubernetes.io/job-name']";
  return {
    name: 'gondolin',
    image: options.image,
    workingDir: options.directory,
    command: ['/bin/sh', '-euc', script],
    env: [
      { name: 'JOB_NAME', valueFrom: { fieldRef: { fieldPath: fromLabel } } },
      { name: 'XDG_CACHE_HOME', value: CACHE_PATH },
      ...job.secretVariables.map((name) => ({
        name,
        valueFrom: { secretKeyRef: { name: options.secret, key: name } },
      })),
    ],
    resources: {
      requests,
      limits: { memory: requests.memory, ...(kvmResource === null ? {} : { [kvmResource]: '1' }) },
    },
    volumeMounts: [
      { name: 'gondolin', mountPath: CACHE_PATH, subPath: 'cache' },
      { name: 'gondolin', mountPath: RESULTS_PATH, subPath: 'results' },
      ...job.secretFiles.map((path) => ({
        name: FILES_VOLUME,
        mountPath: movedPath(path, job, options.directory),
        subPath: fileKey(path, job),
        readOnly: true,
      })),
    ],
  };
}

/** Names of objects have no underscore. */
function objectName({ name }: ClusterJob): string {
  return `gondolin-${name.replaceAll('_', '-').replace(/-+$/, '')}`;
}

function jobOf(job: ClusterJob, options: KubernetesOptions): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { generateName: `${objectName(job)}-` },
    spec: {
      completionMode: 'Indexed',
      completions: job.shardCount,
      parallelism: job.shardCount,
      // A shard that fails says so once. One whose node fails or is drained is run again, which does not count.
      backoffLimitPerIndex: 0,
      maxFailedIndexes: job.shardCount,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: {
        metadata: { labels: { app: objectName(job) } },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          containers: [containerOf(job, options)],
          volumes: volumesOf(job, options),
        },
      },
    },
  };
}

function secretNotes(job: ClusterJob, { secret }: KubernetesOptions): string[] {
  const { secretVariables: names, secretFiles: files } = job;
  if (names.length + files.length === 0) return [];
  const literals = names.map((name) => `--from-literal=${name}="$${name}"`);
  const fromFiles = files.map((path) => `--from-file=${fileKey(path, job)}=${path}`);
  return [
    '# The values of its secrets are in a Secret, and not here:',
    `#   kubectl create secret generic ${secret} ${[...literals, ...fromFiles].join(' ')}`,
  ];
}

/**
 * Returns the manifests of an Indexed Job, one Pod for each shard, and of the claim they share. They contain no value of a secret.
 * Kubernetes 1.29 or later.
 */
export function indexedJob(job: ClusterJob, options: KubernetesOptions): string {
  const notes = [
    `# ${job.name} as ${job.shardCount} shards. Start it with: kubectl create -f FILE`,
    '# The claim is made once, and keeps images and checkpoints. Its storage must be shared by all nodes, and have flock(2).',
    `# One result of all shards, with its exit code: gondolin merge on the files in results/JOB/ of the claim.`,
    ...secretNotes(job, options),
  ];
  const documents = [claimOf(options), jobOf(job, options)].map((one) =>
    stringify(one, { lineWidth: 0 }),
  );
  return `${notes.join('\n')}\n${documents.join('---\n')}`;
}
