import { expect, it, onTestFinished, vi } from 'vitest';
import {
  LOOKUP_MS,
  MAX_LOOKUPS_AT_ONCE,
  MAX_LOOKUPS_WAITING,
} from '../../../../src/net/dns/limits.ts';
import { Lookups } from '../../../../src/net/tcp/lookups.ts';

/** A resolver that answers when it is told to. */
function slowResolver() {
  const asked: string[] = [];
  const answers = new Map<string, PromiseWithResolvers<readonly string[]>>();
  const resolve = (name: string) => {
    asked.push(name);
    const answer = withResolvers<readonly string[]>();
    answers.set(name, answer);
    return answer.promise;
  };
  return { asked, answers, resolve };
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle: Omit<PromiseWithResolvers<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  if (settle === undefined) throw new Error('never');
  return { promise, ...settle };
}

function fakeClock(): void {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
}

it('Lookups asks once for a name, keeps the answer for a while, and asks again then', async () => {
  fakeClock();
  let answer = '1.1.1.1';
  const resolve = vi.fn(async () => [answer]);
  const lookups = new Lookups(resolve, 5_000);
  const both = await Promise.all([lookups.resolve('a.test'), lookups.resolve('a.test')]);
  expect(both).toEqual([['1.1.1.1'], ['1.1.1.1']]);
  answer = '2.2.2.2';
  expect(await lookups.resolve('a.test')).toEqual(['1.1.1.1']);
  expect(resolve).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(5_001);
  expect(await lookups.resolve('a.test')).toEqual(['2.2.2.2']);
});

it('Lookups gives up on a resolver that says nothing, and keeps its place taken until it does', async () => {
  fakeClock();
  const { resolve, asked, answers } = slowResolver();
  const lookups = new Lookups(resolve, 0);
  const names = Array.from({ length: MAX_LOOKUPS_AT_ONCE + 1 }, (_, index) => `${index}.test`);
  const waited = names.map((name) => lookups.resolve(name).catch((error: unknown) => error));
  vi.advanceTimersByTime(LOOKUP_MS);
  for (const error of await Promise.all(waited)) {
    expect(error).toMatchObject({ code: 'NET_NAME_UNRESOLVED', details: { code: 'ETIMEDOUT' } });
  }
  expect(asked).toHaveLength(MAX_LOOKUPS_AT_ONCE);
  answers.get('0.test')?.resolve(['1.1.1.1']);
  await vi.waitFor(() => expect(asked).toHaveLength(MAX_LOOKUPS_AT_ONCE + 1));
});

it('Lookups refuses what its queue has no room for, and goes on afterwards', async () => {
  const { resolve, answers, asked } = slowResolver();
  const lookups = new Lookups(resolve, 0);
  const ask = (index: number) => lookups.resolve(`${index}.test`);
  const room = MAX_LOOKUPS_AT_ONCE + MAX_LOOKUPS_WAITING;
  const held = Array.from({ length: room }, (_, index) => ask(index));
  await expect(ask(room)).rejects.toMatchObject({ details: { code: 'EAGAIN' } });
  for (let index = 0; index < room; index += 1) {
    await vi.waitFor(() => expect(answers.has(`${index}.test`)).toBe(true));
    const failure = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    if (index === 1) answers.get('1.test')?.reject(failure);
    else answers.get(`${index}.test`)?.resolve([`${index}`]);
  }
  const results = await Promise.allSettled(held);
  expect(results[0]).toEqual({ status: 'fulfilled', value: ['0'] });
  expect(results[1]).toMatchObject({ reason: { details: { code: 'ENOTFOUND' } } });
  expect(asked).toHaveLength(room);
});
