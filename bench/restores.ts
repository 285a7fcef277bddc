/**
 * Many machines of one template: restores one after another, then 20 that live at once. Every one must be a machine of
 * its own, so a repeated random number, boot session or a wrong clock ends this with an error.
 */

import { readFileSync } from 'node:fs';
import { VM } from '../src/index.ts';
import { openRounds } from './results.ts';
import { median, milliseconds } from './statistics.ts';

const { rounds: restores, results } = openRounds('restores', 200);
const AT_ONCE = 20;
const MAX_CLOCK_ERROR_MS = 50;
const FACTS =
  'head -c 16 /dev/urandom | od -An -tx1 | tr -d " "; cat /proc/sys/kernel/random/boot_id /etc/machine-id; date +%s%N';

const seen = new Set<string>();
const clockErrorsMs: number[] = [];

/** Asks a VM who it is; the clock is compared with the middle of a question of its own, which takes less time. */
async function identify(vm: VM): Promise<void> {
  const { stdout } = await vm.exec(FACTS);
  const [random, bootId, machineId] = stdout.trim().split('\n');
  for (const fact of [random, bootId, machineId]) {
    if (fact === undefined || seen.has(fact)) throw new Error(`not unique: ${fact}`);
    seen.add(fact);
  }
  clockErrorsMs.push(await clockError(vm));
}

async function clockError(vm: VM): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const before = Date.now();
    const { stdout } = await vm.exec(['date', '+%s%N']);
    const after = Date.now();
    const guest = Number(BigInt(stdout.trim()) / 1_000_000n);
    // Right if it can be right: the guest read its clock at some time between the two.
    best = Math.min(best, Math.max(0, before - guest, guest - after));
  }
  return best;
}

function pssBytes(pid: number): number {
  const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(match?.[1]) * 1024;
}

const warm = await VM.create();
await warm.close();

const times: number[] = [];
for (let count = 0; count < restores; count++) {
  const started = performance.now();
  const vm = await VM.create();
  await vm.exec(['true']);
  times.push(performance.now() - started);
  await identify(vm);
  await vm.close();
}
results.add('restore', 'ms', times);
console.log(`${restores} restores one after another, median ${milliseconds(median(times))}`);

const vms = await Promise.all(Array.from({ length: AT_ONCE }, () => VM.create()));
await Promise.all(vms.map((vm) => vm.exec(['true'])));
await new Promise((resolve) => setTimeout(resolve, 2_000));
const pss = vms.reduce((sum, vm) => sum + pssBytes(vm.qemuPid), 0);
results.add(`PSS of ${AT_ONCE} idle VMs`, 'MiB', [pss / 2 ** 20]);
console.log(`${AT_ONCE} at once, idle: PSS ${(pss / 2 ** 20).toFixed(0)} MiB in all`);
await Promise.all(vms.map(identify));
await Promise.all(vms.map((vm) => vm.close()));

const worst = Math.max(...clockErrorsMs);
console.log(`${seen.size} random numbers, boot sessions and machine ids, all different`);
results.add('largest clock error', 'ms', [worst]);
await results.write();
console.log(`clocks: at most ${worst} ms from the host's`);
if (worst > MAX_CLOCK_ERROR_MS) throw new Error(`a clock is ${worst} ms off`);
