import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TurnQueue, TurnScheduler } from '../../../src/util/turn-scheduler.ts';

it('TurnQueue runs jobs for one slice of each turn, and queues take turns', async () => {
  let nowMs = 0;
  const scheduler = new TurnScheduler({ sliceMs: 2, nowMs: () => nowMs });
  const [one, two] = [new TurnQueue(scheduler), new TurnQueue(scheduler)];
  const begun: string[] = [];
  const begin = (name: string) => () => {
    begun.push(name);
    nowMs += 1;
  };
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']) one.run(begin(name));
  expect(begun).toEqual(['a1', 'a2']);
  two.run(begin('b1'));
  expect(begun).toEqual(['a1', 'a2']);
  await setImmediate();
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b1']);
  await setImmediate();
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'a4', 'a5']);
  await setImmediate();
  expect(begun.at(-1)).toBe('a6');
  await setImmediate();
  two.run(begin('b2'));
  expect(begun.at(-1)).toBe('b2');
});

it('TurnScheduler starts at most maxJobs waiting jobs in a turn', async () => {
  const scheduler = new TurnScheduler({ sliceMs: 1, maxJobs: 1, nowMs: () => 0 });
  const [one, two] = [new TurnQueue(scheduler), new TurnQueue(scheduler)];
  const ran: string[] = [];
  one.later(() => ran.push('a'));
  two.later(() => ran.push('b'));
  expect(ran).toEqual([]);
  await setImmediate();
  expect(ran).toEqual(['a']);
  await setImmediate();
  expect(ran).toEqual(['a', 'b']);
});
