import { expect, it } from 'vitest';
import { parseProcessUsage, readProcessUsage } from '../../../src/host/process-usage.ts';

const STAT = '7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 100 0 0';

it('parseProcessUsage() adds user and system time, whatever the name of the program is', () => {
  expect(parseProcessUsage(STAT, 'Name:\tx\nVmRSS:\t    2048 kB\n')).toEqual({
    memoryBytes: 2 * 2 ** 20,
    cpuMs: 3000,
  });
});

it('parseProcessUsage() returns null for other texts', () => {
  expect(parseProcessUsage('', 'VmRSS: 1 kB\n')).toBe(null);
  expect(parseProcessUsage(STAT, 'Name:\tkthreadd\n')).toBe(null);
});

it('readProcessUsage() reads this process, and nothing of one that is gone', () => {
  expect(readProcessUsage(process.pid)?.memoryBytes).toBeGreaterThan(2 ** 20);
  expect(readProcessUsage(2 ** 22 + 1)).toBe(null);
});
