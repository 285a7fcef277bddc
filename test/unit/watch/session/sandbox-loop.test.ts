import { expect, it } from 'vitest';
import type { RunResult } from '../../../../src/project/run-result.ts';
import { SandboxLoop } from '../../../../src/watch/session/sandbox-loop.ts';
import { sandbox, step } from '../rules/watched-plan.ts';

const RESULT: RunResult = { status: 'succeeded', exitCode: 0, durationMs: 1, sandboxes: [] };

/** A loop whose runs end when the test says so, or when they are aborted. */
function loopOf(whileRunning: 'cancel' | 'queue') {
  const starts: number[] = [];
  const ends: string[] = [];
  let end: () => void = () => undefined;
  let most = 0;
  let now = 0;
  const loop = new SandboxLoop(sandbox([step('unit')], {}, { whileRunning }), {
    run: async (_sandbox, signal) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise<void>((resolve) => {
        end = resolve;
        signal.addEventListener('abort', () => resolve());
      });
      now -= 1;
      return { ...RESULT, status: signal.aborted ? 'cancelled' : 'succeeded' };
    },
    onStart: (from) => starts.push(from),
    onResult: ({ status }) => ends.push(status),
    onFailure: (error) => {
      throw error;
    },
  });
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  return { loop, starts, ends, tick, end: () => end(), most: () => most };
}

it('SandboxLoop ends the run that a change makes old, and runs once for all changes since', async () => {
  const { loop, starts, ends, tick, end, most } = loopOf('cancel');
  loop.request(2);
  loop.request(1);
  loop.request(3);
  await tick();
  expect(starts).toEqual([2, 1]);
  expect(ends).toEqual(['cancelled']);
  end();
  await tick();
  expect(ends).toEqual(['cancelled', 'succeeded']);
  expect(loop.isRunning).toBe(false);
  loop.request(0);
  await loop.stop();
  expect(starts).toEqual([2, 1, 0]);
  expect(most()).toBe(1);
});

it('SandboxLoop waits for the end of the run with while_running: queue, but not for a service', async () => {
  const { loop, starts, ends, tick, end } = loopOf('queue');
  loop.request(1);
  loop.request(2);
  loop.request(1);
  await tick();
  expect(starts).toEqual([1]);
  end();
  await tick();
  expect(starts).toEqual([1, 1]);
  expect(ends).toEqual(['succeeded']);
  loop.request(0);
  loop.serving();
  await tick();
  expect(ends).toEqual(['succeeded', 'cancelled']);
  expect(starts).toEqual([1, 1, 0]);
  await loop.stop();
  loop.request(0);
  await tick();
  expect(starts).toHaveLength(3);
});
