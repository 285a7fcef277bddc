/**
 * Files in a volume of ours, in a volume by QEMU's virtiofsd and on the guest's own disk, in one guest: time as ratios, and how
 * many requests reached our file server.
 */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type ImageRecipe,
  ReadonlyProvider,
  RealFSProvider,
  VM,
  type VMOptions,
} from '../src/index.ts';
import { hostRelease } from '../test/fixtures/workload-image.ts';
import { RequestCount } from './files/request-count.ts';
import { makeTree } from './files/tree.ts';
import { createVMWithPeer } from './files/virtiofsd-vm.ts';
import { openResults } from './results.ts';
import { median, ratio } from './statistics.ts';

const SCENARIOS = [
  ...['read, cold', 'read, warm', 'write', '500 small writes'],
  ...['lstat, cold', 'lstat, warm', 'lstat, after 3 s'],
  ...['git status', 'git status, after 10 s', 'tar x', 'C build', 'npm ci'],
];
/** Each contestant's directory in the guest. */
const PLACES = { ours: '/ours', virtiofsd: '/peer', 'own disk': '/local' } as const;
type Contestant = keyof typeof PLACES;

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    /** Files of the checkout and the archive. */
    files: { type: 'string', default: '10000' },
    'large-mib': { type: 'string', default: '256' },
    sources: { type: 'string', default: '300' },
    /** Runs only scenarios whose name contains this. */
    only: { type: 'string', default: '' },
  },
});
const results = openResults('files', values.json);
const requests = new RequestCount();
const image: ImageRecipe = {
  ...{ kind: 'debian', arch: 'x86_64', release: hostRelease(), mirror: null },
  packages: ['gcc', 'git', 'libc6-dev', 'linux-image-cloud-amd64', 'make', 'python3'],
};
/** The host's Node with its npm, which every contestant runs from the guest's own disk. */
const NODE = dirname(process.execPath);
const NPM = join(NODE, '../lib/node_modules/npm');

async function createVM(
  directory: string,
): Promise<{ readonly vm: VM; readonly stop: () => void }> {
  const mounts = {
    '/ours': new RealFSProvider(join(directory, 'ours')),
    '/bench': new ReadonlyProvider(join(import.meta.dirname, 'files')),
    '/node': new ReadonlyProvider(process.execPath),
    ...(existsSync(NPM) ? { '/npm': new ReadonlyProvider(NPM) } : {}),
  };
  const options: VMOptions = {
    ...{ image, cpus: 2, memory: '2GiB', sandbox: { rootOverlay: true }, vfs: { mounts } },
  };
  try {
    return await createVMWithPeer(directory, join(directory, 'peer'), options);
  } catch (error) {
    results.fail('virtiofsd', error);
    console.log(`virtiofsd: ${error instanceof Error ? error.message : error}`);
    return { vm: await VM.create(options), stop: () => undefined };
  }
}

/** Runs a scenario and returns its milliseconds; `requests` then has what it took. */
async function run(vm: VM, scenario: string, place: string): Promise<number> {
  const proc = vm.exec(['python3', '/bench/guest.py', scenario, place], {
    stdin: true,
    stdout: 'pipe',
  });
  for await (const line of proc.lines()) {
    if (line !== 'ready') return Number(line);
    requests.reset();
    proc.write('go\n');
  }
  const { stderr } = await proc;
  throw new Error(`${scenario} in ${place}: ${stderr}`);
}

function report(scenario: string, times: ReadonlyMap<Contestant, number[]>, counted: string): void {
  const ours = median(times.get('ours') ?? []);
  const shown = [...times].map(([contestant, samples]) => {
    results.add(`${scenario}: ${contestant}`, 'ms', samples);
    if (contestant === 'ours') return `${ours.toFixed(0).padStart(7)} ms`;
    results.add(`${scenario}: ours / ${contestant}`, 'ratio', [ours / median(samples)]);
    return `${ratio(ours, median(samples))} of ${contestant}`;
  });
  console.log(`${scenario.padEnd(24)} ${shown.join('  ')}  ${counted}`);
}

async function measure(
  vm: VM,
  contestants: readonly Contestant[],
  scenario: string,
): Promise<void> {
  const times = new Map(contestants.map((one) => [one, [] as number[]]));
  let counted = '';
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [contestant, samples] of times) {
      samples.push(await run(vm, scenario, PLACES[contestant]));
      if (contestant !== 'ours') continue;
      counted =
        requests.total === 0 ? 'no request' : `${requests.total} requests (${requests.summary})`;
      results.add(`${scenario}: requests`, 'requests', [requests.total]);
    }
  }
  report(scenario, times, counted);
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
let stop = () => {};
let vm: VM | null = null;
try {
  const sizes = {
    files: Number(values.files),
    largeMiB: Number(values['large-mib']),
    sources: Number(values.sources),
  };
  for (const place of ['ours', 'peer']) {
    mkdirSync(join(directory, place));
    makeTree(join(directory, place), sizes);
  }
  ({ vm, stop } = await createVM(directory));
  const prepared = await vm.exec(
    `set -e; git config --system safe.directory '*'; mkdir /local
     cp /node /usr/local/bin/node; mkdir -p /usr/local/lib/node_modules
     if test -d /npm; then cp -a /npm /usr/local/lib/node_modules; fi
     ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
     cp /ours/files.txt /tmp/bench-files.txt; cp /ours/files.tar /tmp/bench-files.tar
     tar -C /ours -cf - app build large tree | tar -C /local -xf -; test -e /peer && echo peer`,
  );
  const hasPeer = prepared.stdout.includes('peer');
  const contestants: Contestant[] = [
    'ours',
    ...(hasPeer ? (['virtiofsd'] as const) : []),
    'own disk',
  ];
  console.log(`${values.rounds} interleaved rounds, medians; time of ours as a ratio\n`);
  for (const scenario of SCENARIOS.filter((name) => name.includes(values.only))) {
    try {
      await measure(vm, contestants, scenario);
    } catch (error) {
      results.fail(scenario, error);
      console.log(`${scenario}: ${error instanceof Error ? error.message : error}`);
    }
  }
  await results.write();
} finally {
  await vm?.close();
  stop();
  rmSync(directory, { recursive: true, force: true });
}
