import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ProcessUsage } from '../../../src/host/process-usage.ts';
import { UsageSampler } from '../../../src/project/resource-usage.ts';
import { runPlan } from '../../../src/project/run-plan.ts';
import { fakeVms, plan, sandbox, step } from './fake-vm.ts';

const SIZE = { cpus: 2, memoryBytes: 1000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('UsageSampler looks twice a second, from the start of the VM to its end', () => {
  let cpuMs = 0;
  const sampler = new UsageSampler(() => {
    cpuMs += 10;
    return { memoryBytes: cpuMs === 30 ? 900 : 100, cpuMs };
  }, performance.now() - 250);
  sampler.start();
  vi.advanceTimersByTime(1250);
  expect(sampler.stop(SIZE)).toEqual({
    ...{ cpus: 2, memoryLimitBytes: 1000, peakMemoryBytes: 900, cpuMs: 40 },
    samples: [
      { atMs: 250, memoryBytes: 100, cpuMs: 10 },
      { atMs: 750, memoryBytes: 100, cpuMs: 20 },
      { atMs: 1250, memoryBytes: 900, cpuMs: 30 },
      { atMs: 1500, memoryBytes: 100, cpuMs: 40 },
    ],
  });
  expect(vi.getTimerCount()).toBe(0);
});

it('UsageSampler keeps at most 240 samples over a week, and its first one', () => {
  const sampler = new UsageSampler(() => ({ memoryBytes: 1, cpuMs: 1 }), performance.now());
  sampler.start();
  vi.advanceTimersByTime(7 * 24 * 3600 * 1000);
  const samples = sampler.stop(SIZE)?.samples ?? [];
  expect(samples.length).toBeGreaterThan(119);
  expect(samples.length).toBeLessThanOrEqual(240);
  expect(samples[0]?.atMs).toBe(0);
  expect(samples.at(-1)?.atMs).toBe(7 * 24 * 3600 * 1000);
});

it('UsageSampler has no result for a QEMU that was gone at once', () => {
  const sampler = new UsageSampler(() => null, performance.now());
  sampler.start();
  expect(sampler.stop(SIZE)).toBeNull();
});

it('a run has what the VM of each sandbox used', async () => {
  vi.useRealTimers();
  const usage: ProcessUsage = { memoryBytes: 5, cpuMs: 7 };
  const { createVm } = fakeVms(undefined, (vm) => {
    vm.usage = () => usage;
  });
  const result = await runPlan(plan(sandbox('box', [step('a', 'true')])), { createVm });
  expect(result.sandboxes[0]?.usage).toMatchObject({ cpus: 2, peakMemoryBytes: 5, cpuMs: 7 });
});
