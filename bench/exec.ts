/**
 * How long a command takes in a VM that runs: without a shell and by the login shell, beside `podman exec` in a container
 * that runs. Interleaved rounds, medians, ratios.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VM } from '../src/index.ts';
import { startPodmanContainer } from './podman-peer.ts';
import { openRounds } from './results.ts';
import { median, ratio } from './statistics.ts';

const { rounds, results } = openRounds('exec', 30);

interface Contestant {
  readonly label: string;
  readonly work: () => unknown;
  readonly times: number[];
}

function contestants(vm: VM, container: string | undefined): Contestant[] {
  const works: (readonly [string, Contestant['work']])[] = [
    ["exec(['/bin/true'])", () => vm.exec(['/bin/true'])],
    ["exec(['/bin/sh', '-c', 'true'])", () => vm.exec(['/bin/sh', '-c', 'true'])],
    ["exec('true')", () => vm.exec('true')],
  ];
  if (container !== undefined) works.push(['podman exec', () => podmanExec(container)]);
  return works.map(([label, work]) => ({ label, work, times: [] }));
}

function podmanExec(container: string): void {
  const { status, stderr } = spawnSync('podman', ['exec', container, 'true'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`podman exec ended with ${status}: ${stderr}`);
}

async function measure(all: readonly Contestant[]): Promise<void> {
  for (const { work } of all) await work();
  for (let round = 0; round < rounds; round++) {
    for (const { work, times } of all) {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    }
  }
}

function report(all: readonly Contestant[]): void {
  console.log(`${rounds} interleaved rounds, medians\n`);
  const peer = all.find(({ label }) => label === 'podman exec');
  for (const { label, times } of all) {
    results.add(label, 'ms', times);
    const share = peer === undefined ? '' : ratio(median(times), median(peer.times));
    console.log(`${label.padEnd(34)} ${median(times).toFixed(1).padStart(7)} ms ${share}`);
    if (peer !== undefined && peer.label !== label)
      results.add(`${label} / podman exec`, 'ratio', [median(times) / median(peer.times)]);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
const container = startPodmanContainer(directory);
const vm = await VM.create();
try {
  const all = contestants(vm, container?.id);
  await measure(all);
  report(all);
  await results.write();
} finally {
  await vm.close();
  container?.remove();
  rmSync(directory, { recursive: true, force: true });
}
