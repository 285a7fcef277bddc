import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { type LoadedJSSandbox, SandboxBuilder } from 'gondolin/js';
import { expect, it, onTestFinished } from 'vitest';

const LIMIT_MS = 500;
const LATEST_MS = 700;
/** What the kernel adds up for a thread that runs is as old as its last tick. */
const TICK_MS = 5;

async function newSandbox(): Promise<LoadedJSSandbox> {
  const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
  sandbox.addHandler('spin', 'function handler() { for (;;); }');
  const loaded = await sandbox.getLoadedSandbox();
  onTestFinished(() => loaded.dispose());
  return loaded;
}

/** Machines of this process. */
function machines(): string[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(/\s+/).filter(Boolean),
  );
}

/** Time that all threads of a process had a processor, in milliseconds. */
function usedMs(pid: string): number {
  const times = readdirSync(`/proc/${pid}/task`).map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

function show(what: string, all: readonly number[]): void {
  const [load = 0] = loadavg();
  const times = all.toSorted((a, b) => a - b).map((ms) => ms.toFixed(0));
  process.stdout.write(`limits: ${what}: ${times.join(' ')} ms at a load of ${load.toFixed(1)}\n`);
}

it('a top level without an end is ERR_CANCELLED', async () => {
  const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
  onTestFinished(() => sandbox.dispose());
  sandbox.addHandler('endless', 'for (;;); export function handler() {}');
  await expect(sandbox.getLoadedSandbox()).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
}, 120_000);

it('a wall-clock limit of 500 ms ends calls after 500 to 700 ms', async () => {
  const loaded = await newSandbox();
  const fresh = await loaded.snapshot();
  const all: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const started = performance.now();
    const call = loaded.callHandler('spin', null, { wallClockTimeoutMs: LIMIT_MS });
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    all.push(performance.now() - started);
    expect(loaded.lastCallStats.terminatedBy).toBe('wall-clock');
    await loaded.restore(fresh);
  }
  show('a wall-clock limit', all);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(LIMIT_MS - 1);
  // Two may be late: what else this machine does is not the sandbox's fault.
  expect(all.toSorted((a, b) => a - b)[17]).toBeLessThan(LATEST_MS);
}, 120_000);

it('a CPU limit of 500 ms ends calls after 500 to 700 ms of a processor, whatever else the host runs', async () => {
  const neighbours = [await newSandbox(), await newSandbox()];
  const others = machines();
  const loaded = await newSandbox();
  const fresh = await loaded.snapshot();
  const [machine = ''] = machines().filter((pid) => !others.includes(pid));
  for (const one of neighbours) one.callHandler('spin', null).catch(() => undefined);
  const busy = Array.from(
    { length: 2 * availableParallelism() },
    (): ChildProcess => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  onTestFinished(() => {
    for (const child of busy) child.kill('SIGKILL');
  });
  const measured: { wallMs: number; machineMs: number; cpuTimeMs: number }[] = [];
  // The agent of a new guest wakes meanwhile.
  await loaded.callHandler('spin', null, { wallClockTimeoutMs: 1000 }).catch(() => undefined);
  await loaded.restore(fresh);
  for (let round = 0; round < 8; round += 1) {
    const started = performance.now();
    const before = usedMs(machine);
    const call = loaded.callHandler('spin', null, { cpuTimeoutMs: LIMIT_MS });
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    const { cpuTimeMs, terminatedBy } = loaded.lastCallStats;
    expect(terminatedBy).toBe('cpu-time');
    const machineMs = usedMs(machine) - before;
    measured.push({ wallMs: performance.now() - started, machineMs, cpuTimeMs });
    await loaded.restore(fresh);
  }
  const of = (name: 'wallMs' | 'machineMs' | 'cpuTimeMs') => measured.map((one) => one[name]);
  for (const name of ['wallMs', 'machineMs', 'cpuTimeMs'] as const) show(name, of(name));
  // Else it shows nothing: the machine had a processor all the time.
  expect(Math.min(...of('wallMs'))).toBeGreaterThan(1.4 * LIMIT_MS);
  for (const name of ['machineMs', 'cpuTimeMs'] as const) {
    expect(Math.min(...of(name))).toBeGreaterThanOrEqual(LIMIT_MS - TICK_MS);
    expect(Math.max(...of(name))).toBeLessThan(LATEST_MS);
  }
}, 120_000);
