import { expect, it } from 'vitest';
import { TokenBucket } from '../../../src/net/token-bucket.ts';

const RATE = { burst: 50, perSecond: 10 };

it('TokenBucket gives a burst at once, then so many a second and never more than a burst', () => {
  let nowMs = 0;
  const bucket = new TokenBucket(RATE, () => nowMs);
  const take = (tries: number) =>
    Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length;
  expect(take(80)).toBe(50);
  nowMs += 1000;
  expect(take(80)).toBe(10);
  nowMs += 3_600_000;
  expect(take(80)).toBe(50);
});

it('TokenBucket says how long to wait for one that is taken ahead', () => {
  let nowMs = 0;
  const bucket = new TokenBucket(RATE, () => nowMs);
  const waits = Array.from({ length: 53 }, () => bucket.takeAhead());
  expect(waits.slice(0, 50)).toEqual(waits.slice(0, 50).map(() => 0));
  expect(waits.slice(50)).toEqual([100, 200, 300]);
  nowMs += 400;
  expect([bucket.takeAhead(), bucket.takeAhead()]).toEqual([0, 100]);
});
