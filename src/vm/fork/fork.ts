import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { sweepTemporaries, temporaryName } from '../../host/atomic-write.ts';
import { ensureDirectory, resolveDirectories } from '../../host/directories.ts';
import type { GuestNetwork } from '../guest-network.ts';
import type { NormalVMOptions } from '../normalize-options.ts';
import { describedNetwork } from '../open-network.ts';
import { checkMemory } from '../pool/memory-limit.ts';
import type { VM } from '../vm.ts';
import { DEFAULT_MEMORY, memoryBytes, type VMOptions } from '../vm-options.ts';
import { checkFork, type ForkOptions } from './fork-options.ts';

/** The running VM, as far as its copies are made from it. */
export interface ForkedVm {
  readonly options: NormalVMOptions;
  /** Null when it has none. */
  readonly network: GuestNetwork | null;
  readonly save: (directory: string) => Promise<void>;
  readonly create: (options: VMOptions) => Promise<VM>;
}

/** Copies that are restored at once: more would only share the processors. */
const RESTORES_AT_ONCE = Math.max(2, availableParallelism());

/**
 * Saves a running VM and restores it `count` times. What was saved is removed at the end: QEMU keeps the file that it maps.
 * @throws {GondolinError} VM_BAD_OPTION, VM_NO_MEMORY; as `VM.save` and `VM.create`. Then no copy is left.
 */
export async function forkVm(vm: ForkedVm, count: number, fork: ForkOptions): Promise<VM[]> {
  checkFork(vm.options, count, fork);
  checkMemory(count, memoryBytes(vm.options.memory ?? DEFAULT_MEMORY));
  // Under a temporary name: whoever uses the templates sweeps what a killed process left.
  const parent = resolveDirectories().templates;
  await ensureDirectory(parent);
  await sweepTemporaries(parent);
  const directory = join(parent, temporaryName());
  await mkdir(directory, { mode: 0o700 });
  try {
    fork.signal?.throwIfAborted();
    await vm.save(directory);
    return await restoreAll(count, (copy) => vm.create(copyOptions(vm, fork, copy, directory)));
  } catch (cause) {
    if (fork.signal?.aborted !== true || GondolinError.is(cause)) throw cause;
    throw new GondolinError('VM_START_ABORTED', 'the fork of the VM was cancelled', { cause });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Closes the copies that there are when one fails. */
async function restoreAll(count: number, create: (copy: number) => Promise<VM>): Promise<VM[]> {
  const copies: VM[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | null = null;
  const work = async () => {
    while (next < count && failure === null) {
      const copy = next++;
      try {
        copies[copy] = await create(copy);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, RESTORES_AT_ONCE) }, work));
  const { error } = (failure as { readonly error: unknown } | null) ?? {};
  if (failure === null) return copies;
  await Promise.all(copies.map((vm) => vm?.close()));
  throw error;
}

function copyOptions(
  { options, network }: ForkedVm,
  { mounts, hostname, sessionLabel, signal }: ForkOptions,
  copy: number,
  directory: string,
): VMOptions {
  const { signal: _, httpHooks: __, network: ___, ssh: ____, ...kept } = options;
  const described = describedNetwork(options);
  const own = mounts?.(copy);
  return {
    ...kept,
    // With what `vm.network.update` changed: a copy must not have a secret that was revoked.
    ...(described === null ? {} : { network: { ...described, ...network?.current } }),
    ...(own === undefined ? {} : { vfs: { ...options.vfs, mounts: own } }),
    ...(hostname === undefined ? {} : { hostname: hostname(copy) }),
    ...(sessionLabel === undefined ? {} : { sessionLabel }),
    ...(signal === undefined ? {} : { signal }),
    from: directory,
  };
}
