import { expect, it, onTestFinished, vi } from 'vitest';
import { HandOverTurns } from '../../../../src/vm/pool/hand-over-turns.ts';

const nothing = () => Promise.resolve();

function counted(turns: HandOverTurns, count: number) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const done = Array.from({ length: count }, (_, i) =>
    turns.run(() => {
      begun.push(i);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, nothing),
  );
  return { begun, ends, done };
}

it('HandOverTurns runs as many at once as there are places, in order of arrival', async () => {
  const { begun, ends, done } = counted(new HandOverTurns(2), 4);
  await vi.waitFor(() => expect(begun).toEqual([0, 1]));
  ends[1]?.();
  await done[1];
  await vi.waitFor(() => expect(begun).toEqual([0, 1, 2]));
  ends[0]?.();
  await vi.waitFor(() => expect(begun).toEqual([0, 1, 2, 3]));
});

it('HandOverTurns gives the place of one that failed, or takes long, to the next', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const turns = new HandOverTurns(1);
  await expect(turns.run(() => Promise.reject(new Error('no')), nothing)).rejects.toThrow('no');
  const { begun, ends, done } = counted(turns, 3);
  await vi.advanceTimersByTimeAsync(200);
  expect(begun).toEqual([0]);
  await vi.advanceTimersByTimeAsync(100);
  expect(begun).toEqual([0, 1]);
  // Its place was given away already.
  ends[0]?.();
  await done[0];
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual([0, 1]);
});

it('HandOverTurns keeps the place for what follows the work, for at most 50 ms', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const turns = new HandOverTurns(1);
  const begun: number[] = [];
  let endSecond = () => {};
  const follow = (what: Promise<void>) => () => what;
  const work = (number: number) => async () => void begun.push(number);
  // Who has the result is not held up by what follows.
  await turns.run(work(1), follow(new Promise(() => undefined)));
  void turns.run(work(2), follow(new Promise((resolve) => (endSecond = resolve))));
  void turns.run(work(3), nothing);
  await vi.advanceTimersByTimeAsync(49);
  expect(begun).toEqual([1]);
  await vi.advanceTimersByTimeAsync(2);
  expect(begun).toEqual([1, 2]);
  endSecond();
  await vi.advanceTimersByTimeAsync(0);
  expect(begun).toEqual([1, 2, 3]);
});
