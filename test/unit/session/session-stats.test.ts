import { expect, it } from 'vitest';
import { parseGuestUsage } from '../../../src/session/session-stats.ts';

const MEMORY = 'MemTotal:         492344 kB\nMemFree:  1 kB\nMemAvailable:     431220 kB\n';

it('parseGuestUsage() reads what Linux prints', () => {
  expect(parseGuestUsage(`${MEMORY}0.15 0.03 0.01 1/59 101\n`)).toEqual({
    memoryBytes: 492_344 * 1024,
    availableBytes: 431_220 * 1024,
    load: 0.15,
  });
});

it.each(['', MEMORY, '0.15 0.03 0.01 1/59 101\n', MEMORY.replace('492344', '9'.repeat(40))])(
  'parseGuestUsage() returns null for %j',
  (text) => {
    expect(parseGuestUsage(text)).toBe(null);
  },
);
