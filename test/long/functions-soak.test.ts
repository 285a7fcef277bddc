import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SandboxBuilder } from 'gondolin/js';
import { expect, it } from 'vitest';

const CALLS = 10_000;
const ROUNDS = 1_000;
const MIB = 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Lets Node free what nobody holds. */
async function collected(): Promise<void> {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
}

function children(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8')
      .trim()
      .split(/\s+/)
      .filter(Boolean)
      .map(Number),
  );
}

/** The processes below this one, oldest first. */
function descendants(pids = children()): number[] {
  return pids.flatMap((pid) => {
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(below === '' ? [] : descendants(below.split(/\s+/).map(Number)))];
  });
}

/** Memory of a process in bytes, without files that it maps. */
function anonymousBytes(pid: number | 'self'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return 1024 * (field('RssAnon') + field('RssShmem'));
}

/** What the sandbox takes on the host: this process, the machine, descriptors and processes. */
function measure() {
  collect();
  const machines = descendants();
  return {
    hostBytes: anonymousBytes('self'),
    machineBytes: machines.reduce((sum, pid) => sum + anonymousBytes(pid), 0),
    descriptors: readdirSync('/proc/self/fd').length,
    processes: machines.length,
  };
}

it(`${CALLS} calls and ${ROUNDS} kills with their restores leave nothing behind on either side`, async () => {
  const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
  sandbox.addHandler('fill', 'function handler(n) { return new Array(1000).fill(n).length; }');
  sandbox.addHandler('spin', 'function handler() { for (;;); }');
  const loaded = await sandbox.getLoadedSandbox();
  const fresh = await loaded.snapshot();
  const call = async (count: number) => {
    for (let at = 0; at < count; at++) await loaded.callHandler('fill', at);
  };
  const kill = async (count: number) => {
    for (let at = 0; at < count; at++) {
      const spinning = loaded.callHandler('spin', null, { wallClockTimeoutMs: 1 + (at % 3) });
      await expect(spinning).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
      await loaded.restore(fresh);
      // One that nobody holds afterwards: it is freed when Node finds out.
      await loaded.snapshot();
      if (at % 50 === 0) await collected();
    }
  };
  await call(CALLS / 10);
  await kill(ROUNDS / 10);
  await call(1);
  const { heapBytes } = loaded.lastCallStats;
  const before = measure();
  await call(CALLS);
  await kill(ROUNDS);
  await call(1);
  const after = measure();
  process.stdout.write(`soak: ${JSON.stringify({ before, after, heapBytes })}\n`);
  // Its forgotten snapshots are processes of the guest: with a few KiB of its own each, they would not fit in it.
  expect(loaded.lastCallStats.heapBytes).toBeLessThan(heapBytes * 1.1);
  expect(after.processes).toBe(before.processes);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.hostBytes - before.hostBytes).toBeLessThan(24 * MIB);
  expect(after.machineBytes - before.machineBytes).toBeLessThan(16 * MIB);
  await loaded.dispose();
  await expect.poll(() => descendants().length, { timeout: 10_000 }).toBe(0);
}, 900_000);
