import { expect, it } from 'vitest';
import { SlowCalls } from '../../../../../src/vfs/real/descriptors/slow-calls.ts';

/** A call that ends when it is told to. */
function call(calls: SlowCalls, name: string, started: string[]) {
  let finish: (error?: Error) => void = () => undefined;
  const result = calls.run(() => {
    started.push(name);
    return new Promise<void>((resolve, reject) => {
      finish = (error) => (error === undefined ? resolve() : reject(error));
    });
  });
  return { result, finish: (error?: Error) => finish(error) };
}

it("a provider whose calls hang takes two threads, and leaves one to another provider's calls", async () => {
  const started: string[] = [];
  const [hanging, other] = [new SlowCalls(), new SlowCalls()];
  const stuck = ['a1', 'a2', 'a3', 'a4'].map((name) => call(hanging, name, started));
  const [first, second] = ['b1', 'b2'].map((name) => call(other, name, started));
  expect(started).toEqual(['a1', 'a2', 'b1']);
  first?.finish();
  await first?.result;
  expect(started).toEqual(['a1', 'a2', 'b1', 'b2']);
  second?.finish();
  await second?.result;
  for (const { finish, result } of stuck) {
    finish();
    await result;
  }
  expect(started).toEqual(['a1', 'a2', 'b1', 'b2', 'a3', 'a4']);
});

it('a call that fails rejects, and the next one is started', async () => {
  const started: string[] = [];
  const calls = new SlowCalls();
  const [first, second, third] = ['1', '2', '3'].map((name) => call(calls, name, started));
  const failed = new Error('EIO');
  first?.finish(failed);
  await expect(first?.result).rejects.toBe(failed);
  expect(started).toEqual(['1', '2', '3']);
  second?.finish();
  third?.finish();
  await Promise.all([second?.result, third?.result]);
});
