import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AgentClient } from '../../../src/agent/agent-client.ts';
import type { CloneIdentity } from '../../../src/protocol/host-message.ts';
import { keepClock, setClock } from '../../../src/vm/clock-keeper.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An agent that answers after these times, then at once. */
function fakeAgent(answersAfterMs: number[] = []) {
  const times: number[] = [];
  const identity = async ({ realtimeNs }: CloneIdentity) => {
    times.push(Number(realtimeNs / 1_000_000n));
    const waitMs = answersAfterMs.shift() ?? 0;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  };
  return { agent: { identity } as unknown as AgentClient, times };
}

it('setClock() tries again while replies arrive late, five times at most', async () => {
  const late = fakeAgent([60, 40]);
  const done = setClock(late.agent);
  await vi.advanceTimersByTimeAsync(200);
  await done;
  expect(late.times).toHaveLength(3);
  const never = fakeAgent([60, 60, 60, 60, 60, 60]);
  const given = setClock(never.agent);
  await vi.advanceTimersByTimeAsync(1_000);
  await given;
  expect(never.times).toHaveLength(5);
});

it('keepClock() sets the clock after the host slept, once the VM is not busy', async () => {
  const { agent, times } = fakeAgent();
  let isBusy = true;
  const stop = keepClock(agent, () => isBusy);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(times).toEqual([]);
  // The wall clock advances while the uptime does not.
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(times).toEqual([]);
  isBusy = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(times).toEqual([Date.now()]);
  stop();
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(times).toHaveLength(1);
});
