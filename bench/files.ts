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
/** One contestant's run of one scenario takes no longer: without KVM a request takes milliseconds. */
const RUN_LIMIT_MS = 150_000;

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    /** Seconds of one scenario, after which it takes no further round. */
    seconds: { type: 'string', default: '120' },
    /** Files of the checkout. */
    files: { type: 'string', default: '10000' },
    'archive-files': { type: 'string', default: '500' },
    'large-mib': { type: 'string', default: '64' },
    sources: { type: 'string', default: '60' },
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
    ...{ stdin: true, stdout: 'pipe', timeoutMs: RUN_LIMIT_MS },
  });
  for await (const line of proc.lines()) {
    if (line !== 'ready') return Number(line);
    requests.reset();
    proc.write('go\n');
  }
  const { stderr } = await proc;
  throw new Error(stderr.trim());
}

/** What came of one scenario: samples in ms by contestant, without those that failed. */
type Times = Map<Contestant, number[]>;

function report(scenario: string, times: Times, counted: string): void {
  const ours = times.get('ours');
  const shown = [...times].map(([contestant, samples]) => {
    results.add(`${scenario}: ${contestant}`, 'ms', samples);
    if (contestant === 'ours') return `${median(samples).toFixed(0).padStart(7)} ms`;
    if (ours === undefined) return `${contestant} ${median(samples).toFixed(0)} ms`;
    results.add(`${scenario}: ours / ${contestant}`, 'ratio', [median(ours) / median(samples)]);
    return `${ratio(median(ours), median(samples))} of ${contestant}`;
  });
  console.log(`${scenario.padEnd(24)} ${shown.join('  ')}  ${counted}`);
}

/**
 * Measures in rounds until there are enough, or the scenario's time is up. A contestant that fails leaves it, with a line.
 * Nobody pays for a program that runs for the first time in the guest: it runs once beforehand, and each round starts with another
 * contestant.
 */
async function measure(
  vm: VM,
  contestants: readonly Contestant[],
  scenario: string,
): Promise<void> {
  const times: Times = new Map(contestants.map((one) => [one, []]));
  await run(vm, scenario, PLACES['own disk']);
  const endMs = performance.now() + Number(values.seconds) * 1000;
  let counted = '';
  for (let round = 0; round < Number(values.rounds); round++) {
    const startedMs = performance.now();
    for (const [contestant, samples] of rotated([...times], round)) {
      try {
        samples.push(await run(vm, scenario, PLACES[contestant]));
      } catch (error) {
        times.delete(contestant);
        results.fail(`${scenario}: ${contestant}`, error);
        console.log(
          `${scenario}: ${contestant}: ${error instanceof Error ? error.message : error}`,
        );
        continue;
      }
      if (contestant === 'ours') counted = requests.count(results, scenario);
    }
    const nowMs = performance.now();
    if (nowMs + (nowMs - startedMs) > endMs) break;
  }
  report(scenario, times, counted);
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
let stop = () => {};
let vm: VM | null = null;
try {
  const sizes = {
    files: Number(values.files),
    archiveFiles: Number(values['archive-files']),
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
     cp /ours/files.txt /tmp/bench-files.txt; cp /ours/archive.tar /tmp/bench-files.tar
     tar -C /local -xf /ours/all.tar; if test -e /peer; then echo peer; fi`,
  );
  if (prepared.exitCode !== 0) throw new Error(`the guest was not prepared: ${prepared.stderr}`);
  const hasPeer = prepared.stdout.includes('peer');
  const contestants: Contestant[] = [
    'ours',
    ...(hasPeer ? (['virtiofsd'] as const) : []),
    'own disk',
  ];
  console.log(
    `at most ${values.rounds} interleaved rounds in ${values.seconds} s, medians; time of ours as a ratio\n`,
  );
  for (const scenario of SCENARIOS.filter((name) => name.includes(values.only))) {
    await measure(vm, contestants, scenario);
  }
  await results.write();
} finally {
  await vm?.close();
  stop();
  rmSync(directory, { recursive: true, force: true });
}
