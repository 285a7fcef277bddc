/**
 * How long until a first command has run and all is gone again: a cold boot, a warm start, the whole of `gondolin run`
 * as a user types it, and `podman run` of a busybox root as the peer. Interleaved rounds, medians, ratios.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { VM } from '../src/index.ts';
import { findPodman, type PodmanPeer } from './podman-peer.ts';
import { openRounds } from './results.ts';
import { median, milliseconds, ratio } from './statistics.ts';

const CLI = resolve(import.meta.dirname, '../dist/cli/bin.js');
const { rounds, results } = openRounds('start', 9);

async function startOnce(cold: boolean): Promise<void> {
  const vm = await VM.create({ cold });
  await vm.exec(['true']);
  await vm.close();
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
}

async function time(work: () => Promise<void> | void): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

interface Contestant {
  readonly label: string;
  readonly work: () => Promise<void> | void;
  readonly times: number[];
}

function contestants(directory: string, peers: readonly PodmanPeer[]): Contestant[] {
  const works: (readonly [string, Contestant['work']])[] = [
    ['cold: create, exec true, close', () => startOnce(true)],
    ['warm: create, exec true, close', () => startOnce(false)],
    ['gondolin run, one step', () => run(process.execPath, [CLI, 'run'], directory)],
    ...peers.map(({ label, args }) => [label, () => run('podman', args, directory)] as const),
  ];
  return works.map(([label, work]) => ({ label, work, times: [] }));
}

function report(all: readonly Contestant[]): void {
  const [cold, warm, cli, ...peers] = all.map(({ times }) => median(times));
  for (const { label, times } of all) {
    console.log(`${label.padEnd(38)} ${milliseconds(median(times))}`);
    results.add(label, 'ms', times);
  }
  const told = (label: string, value: number, base: number): void => {
    console.log(`${label.padEnd(38)} ${ratio(value, base)}`);
    results.add(label, 'ratio', [value / base]);
  };
  console.log('');
  told('warm / cold', warm ?? 0, cold ?? 0);
  for (const [index, peer] of peers.entries()) {
    const { label } = all[3 + index] ?? { label: '' };
    told(`warm / ${label}`, warm ?? 0, peer);
    told(`gondolin run / ${label}`, cli ?? 0, peer);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
try {
  // As podman runs it: without a shell.
  writeFileSync(join(directory, 'gondolin.yaml'), 'steps: [{ name: one, run: ["true"] }]\n');
  const all = contestants(directory, findPodman(directory));
  for (const { work } of all) await work();
  for (let round = 0; round < rounds; round++) {
    for (const { work, times } of all) times.push(await time(work));
  }
  console.log(`${rounds} interleaved rounds, medians\n`);
  report(all);
  await results.write();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
