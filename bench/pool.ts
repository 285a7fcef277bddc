/**
 * VMs on demand: from `acquire` to the first answer of a waiting VM, beside a whole `podman run`; 20 acquires at once, three times,
 * whose slowest must not be slower than one podman run; and 10 copies of a running VM.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VM, type VMPool } from '../src/index.ts';
import { findPodman } from './podman-peer.ts';
import { openRounds } from './results.ts';
import { median, milliseconds, ratio } from './statistics.ts';

const { rounds, results } = openRounds('pool', 9);
const AT_ONCE = 20;
const BURSTS = 3;
const COPIES = 10;
const PEER = 'podman run --rm --network none';

async function time(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Milliseconds from `acquire` to the first answer. The VM is closed after that. */
async function acquireOnce(pool: VMPool, used: VM[]): Promise<number> {
  return time(async () => {
    const vm = await pool.acquire();
    used.push(vm);
    await vm.exec(['true']);
  });
}

async function closeAll(vms: VM[]): Promise<void> {
  await Promise.all(vms.splice(0).map((vm) => vm.close()));
}

async function onePerRound(podman: readonly string[] | undefined) {
  const acquires: number[] = [];
  const peers: number[] = [];
  const used: VM[] = [];
  await using pool = VM.pool({ size: 2 });
  for (let round = 0; round <= rounds; round++) {
    await pool.ready();
    const acquired = await acquireOnce(pool, used);
    await closeAll(used);
    // Both alone: nothing is started behind them meanwhile.
    await pool.ready();
    const peer = podman === undefined ? null : await time(() => void spawnSync('podman', podman));
    if (round === 0) continue;
    acquires.push(acquired);
    if (peer !== null) peers.push(peer);
  }
  return { acquires, peers };
}

/** The times of each burst. */
async function bursts(): Promise<number[][]> {
  const used: VM[] = [];
  const all: number[][] = [];
  await using pool = VM.pool({ size: AT_ONCE });
  for (let burst = 0; burst < BURSTS; burst++) {
    await pool.ready();
    all.push(await Promise.all(Array.from({ length: AT_ONCE }, () => acquireOnce(pool, used))));
    await closeAll(used);
  }
  return all;
}

async function forkOnce(): Promise<{ all: number; save: number }> {
  const vm = await VM.create();
  await vm.exec('true');
  let copies: VM[] = [];
  let save = 0;
  const all = await time(async () => {
    save = await time(async () => {
      copies = await vm.fork(COPIES);
    });
    await Promise.all(copies.map((copy) => copy.exec(['true'])));
  });
  await closeAll([vm, ...copies]);
  return { all, save };
}

function told(label: string, value: number, peers: readonly number[]): void {
  const share = peers.length === 0 ? '' : ratio(value, median(peers));
  console.log(`${label.padEnd(46)} ${milliseconds(value)} ${share}`);
  if (peers.length > 0) results.add(`${label} / ${PEER}`, 'ratio', [value / median(peers)]);
}

const directory = mkdtempSync(join(tmpdir(), 'gondolin-bench-'));
try {
  const podman = findPodman(directory).find(({ label }) => label === PEER)?.args;
  const { acquires, peers } = await onePerRound(podman);
  const times = await bursts();
  const forks = await forkOnce();
  results.add('acquire, exec true', 'ms', acquires);
  if (peers.length > 0) results.add(PEER, 'ms', peers);
  results.add(`${AT_ONCE} acquires at once, each with its first answer`, 'ms', times.flat());
  results.add(`fork(${COPIES}), all first answers`, 'ms', [forks.all]);
  console.log(`${rounds} interleaved rounds, medians; the ratio to ${PEER}\n`);
  if (peers.length > 0) told(PEER, median(peers), peers);
  told('acquire, exec true', median(acquires), peers);
  told(`median of ${AT_ONCE} acquires at once`, median(times.flat()), peers);
  const slowest = times.map((burst) => Math.max(...burst));
  told(`the slowest of ${AT_ONCE} acquires at once`, median(slowest), peers);
  told(`fork(${COPIES}) until it resolves`, forks.save, peers);
  told(`fork(${COPIES}) and ${COPIES} first answers`, forks.all, peers);
  await results.write();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
