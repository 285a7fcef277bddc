import { expect, it, onTestFinished, vi } from 'vitest';
import { isSettled } from '../../../src/vfs/settled.ts';

it.each([
  ['just now', 500_000_001n, false],
  ['15 ms ago', 485_000_001n, false],
  ['25 ms ago', 475_000_001n, true],
  ['a second ago, in whole seconds', -1_000_000_000n, false],
  ['three seconds ago, in whole seconds', -3_000_000_000n, true],
  ['in the future', 5_000_000_001n, false],
])('isSettled() of a file that changed %s', (_, offsetNs, settled) => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_500 });
  onTestFinished(() => void vi.useRealTimers());
  expect(isSettled(1_700_000_000_000_000_000n + offsetNs)).toBe(settled);
});
