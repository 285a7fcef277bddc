import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import {
  RequestTurns,
  TurnScheduler,
} from '../../../../../src/net/http/exchange/limit/request-turns.ts';

it('RequestTurns begins requests for 2 ms of each turn, and VMs take turns', async () => {
  let nowMs = 0;
  const scheduler = new TurnScheduler(() => nowMs);
  const [one, two] = [new RequestTurns(scheduler), new RequestTurns(scheduler)];
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
