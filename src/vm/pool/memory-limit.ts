import { freemem } from 'node:os';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** Left to the host and to what the other VMs still grow by. */
const RESERVE_BYTES = 256 * 2 ** 20;

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}

/** Returns the memory that VMs may take together, in bytes. @param availableBytes  MemAvailable of the kernel. */
export function memoryForVms(availableBytes: number = freemem()): number {
  return Math.max(0, availableBytes - RESERVE_BYTES);
}

/** Returns how many VMs the host has memory for if each grows to its `memory`. @param availableBytes  MemAvailable of the kernel. */
export function vmsThatFit(memoryBytes: number, availableBytes: number = freemem()): number {
  return Math.max(0, Math.floor((availableBytes - RESERVE_BYTES) / memoryBytes));
}

/**
 * Checks that the host has memory for more VMs.
 * @throws {GondolinError} VM_NO_MEMORY
 */
export function checkMemory(
  count: number,
  memoryBytes: number,
  availableBytes: number = freemem(),
): void {
  if (vmsThatFit(memoryBytes, availableBytes) >= count) return;
  const wantedBytes = count * memoryBytes + RESERVE_BYTES;
  const what = `${count} more VM${count === 1 ? '' : 's'} of ${mebibytes(memoryBytes)}`;
  throw new GondolinError(
    'VM_NO_MEMORY',
    `${what} may need ${mebibytes(wantedBytes)} of memory, the host has ${mebibytes(availableBytes)}`,
    { details: { wantedBytes, availableBytes } },
  );
}
