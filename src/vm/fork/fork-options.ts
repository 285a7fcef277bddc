import { GondolinError } from '../../errors/gondolin-error.ts';
import type { VfsProvider } from '../../vfs/provider.ts';
import type { VMOptions } from '../vm-options.ts';

/**
 * Options of `vm.fork`. Everything else is as in the VM that is copied.
 *
 * @example
 * const options: ForkOptions = { mounts: () => ({ '/work': new MemoryProvider() }), sessionLabel: 'copy' };
 * const copies = await vm.fork(2, options);
 */
export interface ForkOptions {
  /**
   * Returns the mounts of a copy (0, 1, …), at the paths of the VM's own; needed when it has some. Open files continue as after
   * `VM.create({ from })`.
   */
  readonly mounts?: (copy: number) => Readonly<Record<string, VfsProvider>>;
  /** Returns the host name of a copy. @default that of the VM */
  readonly hostname?: (copy: number) => string;
  /** @default that of the VM */
  readonly sessionLabel?: string;
  /** Cancels the fork; no copy is left then. */
  readonly signal?: AbortSignal;
}

const MAX_COPIES = 256;

/** @throws {GondolinError} VM_BAD_OPTION */
export function checkFork(vm: VMOptions, count: number, { mounts }: ForkOptions): void {
  if (!Number.isInteger(count) || count < 1 || count > MAX_COPIES) {
    const message = `count of fork: got ${JSON.stringify(count)}, want 1 to ${MAX_COPIES}`;
    throw new GondolinError('VM_BAD_OPTION', message);
  }
  const [disk] = Object.keys(vm.vfs?.disks ?? {});
  if (disk !== undefined) {
    throw new GondolinError(
      'VM_BAD_OPTION',
      `fork: the VM has a disk at ${disk}, which one VM uses at a time`,
    );
  }
  const [target] = Object.keys(vm.vfs?.mounts ?? {});
  if (target === undefined || mounts !== undefined) return;
  throw new GondolinError('VM_BAD_OPTION', `option mounts of fork: none for ${target}`, {
    hint: 'Pass a function that returns a provider for each mount of the VM: providers serve one VM.',
  });
}
