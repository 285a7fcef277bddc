import { totalmem } from 'node:os';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { Plan } from '../plan/plan.ts';
import { formatBytes } from '../util/quantities.ts';
import { memoryForVms } from '../vm/pool/memory-limit.ts';

/**
 * Checks that each sandbox could run on this machine if it were alone.
 * @throws {GondolinError} VM_NO_MEMORY
 */
export function checkMemoryOf({ sandboxes }: Plan, totalBytes: number = totalmem()): void {
  for (const { name, vm } of sandboxes) {
    if (vm.memoryBytes <= memoryForVms(totalBytes)) continue;
    const message = `sandbox ${name} may need ${formatBytes(vm.memoryBytes)} of memory, the machine has ${formatBytes(totalBytes)}`;
    const hint = 'Lower `resources.memory` of the sandbox, or use a larger machine.';
    const details = { wantedBytes: vm.memoryBytes, availableBytes: totalBytes };
    throw new GondolinError('VM_NO_MEMORY', message, { details, hint });
  }
}
