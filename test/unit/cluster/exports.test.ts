import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type ClusterJob, clusterJob } from '../../../src/cluster/cluster-job.ts';
import { matrixWorkflow } from '../../../src/cluster/github/matrix-workflow.ts';
import { indexedJob } from '../../../src/cluster/kubernetes/indexed-job.ts';
import { arrayScript } from '../../../src/cluster/slurm/array-script.ts';
import { submittedScript } from '../../../src/cluster/slurm/submitted-script.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { splitPlan } from '../../../src/plan/shard/split-plan.ts';
import { manifestProblems } from '../../fixtures/kubernetes-schema.ts';
import { readText } from '../../fixtures/project-text.ts';

const VALUE = 'hunter2-not-for-files';
const PROJECT = `
name: my_shop
sandboxes:
  db: { run: serve, resources: { cpus: 2, memory: 1GiB } }
  a:
    depends_on: [db]
    resources: { cpus: 3, memory: 2GiB }
    shards: 3
    secrets:
      - API_TOKEN@api.github.com
      - { name: FILE_TOKEN, hosts: [api.github.com], from: { file: ./a.txt } }
    steps: [{ name: x, run: x }, { name: y, run: x }, { name: z, run: x }]
`;

function jobOf(chosen: Partial<Parameters<typeof clusterJob>[2]> = {}): ClusterJob {
  const env = { API_TOKEN: VALUE };
  const plan = buildPlan(readText(PROJECT, { env }), { arch: 'x86_64', release: 'trixie' });
  return clusterJob(plan, splitPlan(plan, 3), {
    file: null,
    projectName: null,
    args: {},
    profiles: [],
    operands: [],
    durations: null,
    ...chosen,
  });
}

const KUBERNETES = {
  image: 'registry.example.com/shop:1',
  directory: '/src/shop',
  kvmResource: 'devices.kubevirt.io/kvm',
  claim: 'gondolin',
  claimSize: '50Gi',
  secret: 'shop-secrets',
};

/** Runs a script with a program `gondolin` that prints its arguments, one a line. */
function argumentsOf(script: string, env: Record<string, string>): string[] {
  const program = 'gondolin() { printf "%s\\n" "$@"; }\nexec() { "$@"; }\nmkdir() { :; }\n';
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program + script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: '/tmp', ...env },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.split('\n').slice(0, -1);
}

it('clusterJob() asks for what the largest shard needs', () => {
  expect(jobOf()).toMatchObject({
    name: 'my_shop',
    shardCount: 3,
    cpus: 5,
    memoryBytes: (384 + 1024 + 128 + 2048 + 128) * 2 ** 20,
    secretVariables: ['API_TOKEN'],
    secretFiles: ['/p/a.txt'],
  });
});

it('no export contains the value of a secret', () => {
  const job = jobOf();
  for (const text of [arrayScript(job), matrixWorkflow(job), indexedJob(job, KUBERNETES)]) {
    expect(text).toContain('API_TOKEN');
    expect(text).not.toContain(VALUE);
  }
});

describe('arrayScript()', () => {
  const task = { SLURM_SUBMIT_DIR: '/', SLURM_ARRAY_TASK_ID: '2', SLURM_ARRAY_JOB_ID: '17' };

  it('runs the shard of its task with what the user chose, whatever characters it has', () => {
    const operands = ['a', "it's $HOME"];
    const script = arrayScript(jobOf({ file: '/p/ci/x y.yaml', args: { B: '$(id)' }, operands }));
    expect(script).toMatch(/^#SBATCH --array=1-3$/m);
    expect(script).toMatch(/^#SBATCH --mem=3712M$/m);
    expect(argumentsOf(script, task)).toEqual([
      ...['run', '--shard', '2/3', '--record', 'gondolin-results/17/shard-2.json'],
      ...['--progress', 'plain', '-f', 'ci/x y.yaml', '--arg', 'B=$(id)', ...operands],
    ]);
  });

  it('of a submitted run names the program, the project and the shared directories', () => {
    const script = submittedScript(jobOf(), {
      program: ['gondolin', '--debug'],
      directory: '/',
      jobDirectory: "/shared/it's",
      cacheHome: '/shared/cache',
    });
    expect(argumentsOf(script, task)).toEqual([
      ...['--debug', 'run', '--shard', '2/3', '--record', "/shared/it's/shard-2.json"],
      ...['--progress', 'plain', '--artifacts', "/shared/it's/artifacts-2"],
    ]);
  });
});

describe('indexedJob()', () => {
  const manifests = (text: string) => parseAllDocuments(text).map((one) => one.toJS() as object);

  it('keeps to the schemas of Kubernetes, with no unknown key', () => {
    const text = indexedJob(jobOf(), KUBERNETES);
    expect(manifests(text).map((one) => Reflect.get(one, 'kind'))).toEqual([
      'PersistentVolumeClaim',
      'Job',
    ]);
    expect(manifests(text).flatMap(manifestProblems)).toEqual([]);
    const bare = indexedJob({ ...jobOf(), secretFiles: [] }, { ...KUBERNETES, kvmResource: null });
    expect(manifests(bare).flatMap(manifestProblems)).toEqual([]);
  });

  it('is checked by a schema that finds unknown keys and wrong values', () => {
    const job = manifests(indexedJob(jobOf(), KUBERNETES))[1];
    const changed = (change: (spec: Record<string, unknown>) => void) => {
      const copy = structuredClone(job) as { spec: Record<string, unknown> };
      change(copy.spec);
      return manifestProblems(copy);
    };
    expect(changed((spec) => (spec['completion'] = 3))).toEqual(['/spec/completion: unknown key']);
    expect(changed((spec) => (spec['completions'] = '3'))[0]).toContain('/spec/completions');
    expect(changed((spec) => delete spec['template'])).not.toEqual([]);
  });

  it('counts from 1, gives each shard the device, and takes secrets from the Secret', () => {
    const job = manifests(indexedJob(jobOf({ operands: ['a'] }), KUBERNETES))[1] as {
      spec: { completions: number; template: { spec: { containers: { command: string[] }[] } } };
    };
    const [container] = job.spec.template.spec.containers;
    expect(job.spec.completions).toBe(3);
    expect(container).toMatchObject({
      workingDir: '/src/shop',
      resources: { limits: { 'devices.kubevirt.io/kvm': '1' } },
      env: expect.arrayContaining([
        {
          name: 'API_TOKEN',
          valueFrom: { secretKeyRef: { name: 'shop-secrets', key: 'API_TOKEN' } },
        },
      ]),
      volumeMounts: expect.arrayContaining([
        {
          name: 'secret-files',
          mountPath: '/src/shop/a.txt',
          subPath: 'a.txt',
          readOnly: true,
        },
      ]),
    });
    const script = container?.command[2] ?? '';
    expect(argumentsOf(script, { JOB_COMPLETION_INDEX: '0', JOB_NAME: 'j' })).toEqual([
      ...['run', '--shard', '1/3', '--record', '/gondolin/results/j/shard-1.json'],
      ...['--progress', 'plain', 'a'],
    ]);
  });
});

describe('matrixWorkflow()', () => {
  interface Workflow {
    on: unknown;
    jobs: Record<string, { strategy?: unknown; steps: { run?: string; env?: unknown }[] }>;
  }

  it('has a job for each shard, whose scripts are the same everywhere', () => {
    const { jobs, on } = parse(matrixWorkflow(jobOf({ operands: ['a'] }))) as Workflow;
    expect(on).toEqual({ push: { branches: ['main'] }, pull_request: null });
    expect(jobs['shard']?.strategy).toMatchObject({ matrix: { shard: [1, 2, 3] } });
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    for (const run of runs) expect(run).not.toContain('${{');
    const shard = runs.find((run) => run.includes('--shard')) ?? '';
    expect(argumentsOf(shard, { SHARD: '3' })).toEqual([
      ...['run', '--shard', '3/3', '--record', 'records/shard-3.json', 'a'],
    ]);
    const steps = jobs['shard']?.steps ?? [];
    expect(steps.find(({ run }) => run === shard)?.env).toEqual({
      SHARD: '${{ matrix.shard }}',
      API_TOKEN: '${{ secrets.API_TOKEN }}',
    });
  });
});
