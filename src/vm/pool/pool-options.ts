import { GondolinError } from '../../errors/gondolin-error.ts';
import { checkEnv, type VMOptions } from '../vm-options.ts';

type Vfs = NonNullable<VMOptions['vfs']>;

/**
 * Options of {@link VM.pool}: those of the machines, and what each VM gets unless `acquire` says otherwise.
 *
 * @example
 * const options: PoolOptions = { size: 4, memory: '256MiB', network: { policy: {} } };
 * await using pool = VM.pool(options);
 */
export interface PoolOptions extends Omit<VMOptions, 'from' | 'vfs' | 'signal' | 'sessionLabel'> {
  /** VMs that wait, 1 to 256. */
  readonly size: number;
  /** VMs of the pool at once: waiting, starting and acquired, at least `size`. @default as many as the host has memory for */
  readonly maxVms?: number;
  /**
   * Commands that each VM runs before it waits, as root, without the VM's `env`; strings in the login shell. What they leave
   * behind is in every VM. @default ['true'] and ':'
   */
  readonly warmUp?: readonly (string | readonly string[])[];
  /** Time that `acquire` waits for a VM, in milliseconds. @default 60000 */
  readonly acquireTimeoutMs?: number;
  /** As for `VM.create`, without `mounts`: a provider serves one VM, so `acquire` gets it. */
  readonly vfs?: Omit<Vfs, 'mounts'>;
}

/**
 * Options of `pool.acquire`: what makes a waiting machine this VM. Each replaces that of the pool; `env` and `vfs.memory` are
 * added to it.
 *
 * @example
 * const options: AcquireOptions = { env: { CI: '1' }, vfs: { mounts: { '/work': new MemoryProvider() } } };
 * const vm = await VM.pool({ size: 2 }).acquire(options);
 */
export interface AcquireOptions
  extends Omit<
    VMOptions,
    'image' | 'cpus' | 'memory' | 'sandbox' | 'from' | 'cold' | 'onProgress'
  > {}

const MAX_SIZE = 256;
/** Options that a waiting machine cannot change any more. */
const OF_THE_MACHINE = ['image', 'cpus', 'memory', 'sandbox', 'from', 'cold'] as const;

function invalid(option: string, got: unknown, want: string): GondolinError {
  return new GondolinError(
    'VM_BAD_OPTION',
    `option ${option}: got ${JSON.stringify(got)}, want ${want}`,
  );
}

function checkWhole(option: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to)
    throw invalid(option, value, `a whole number from ${from} to ${to}`);
}

/** @throws {GondolinError} VM_BAD_OPTION */
export function checkPoolOptions(options: PoolOptions): void {
  const { size, maxVms = MAX_SIZE, acquireTimeoutMs = 1, warmUp = [] } = options;
  checkWhole('size', size, 1, MAX_SIZE);
  checkWhole('maxVms', maxVms, size, Number.MAX_SAFE_INTEGER);
  // The longest time of Node's timers.
  checkWhole('acquireTimeoutMs', acquireTimeoutMs, 1, 2 ** 31 - 1);
  if (!Array.isArray(warmUp) || warmUp.some((command) => command.length === 0))
    throw invalid('warmUp', warmUp, 'a list of commands');
  for (const option of ['from', 'signal', 'sessionLabel'] as const) {
    if ((options as VMOptions)[option] !== undefined)
      throw new GondolinError('VM_BAD_OPTION', `option ${option}: VM.pool() has none`);
  }
  if ((options.vfs as Vfs | undefined)?.disks !== undefined)
    throw new GondolinError('VM_BAD_OPTION', 'option vfs.disks: a waiting VM has no disks');
  if ((options.vfs as Vfs | undefined)?.mounts !== undefined)
    throw new GondolinError('VM_BAD_OPTION', 'option vfs.mounts: give it to acquire()');
}

/** Returns the options of a machine that waits. */
export function machineOptions(options: PoolOptions): VMOptions {
  const { size, maxVms, warmUp, acquireTimeoutMs, ...machine } = options;
  return machine;
}

/**
 * Returns the options of an acquired VM.
 * @throws {GondolinError} VM_BAD_OPTION for one that only the pool can have.
 */
export function mergeOptions(pool: PoolOptions, own: AcquireOptions): VMOptions {
  if (own.vfs?.disks !== undefined)
    throw new GondolinError('VM_BAD_OPTION', 'option vfs.disks: a waiting VM has no disks');
  const taken = OF_THE_MACHINE.find((option) => (own as VMOptions)[option] !== undefined);
  if (taken !== undefined)
    throw new GondolinError('VM_BAD_OPTION', `option ${taken}: pass it to VM.pool()`);
  checkEnv(own.env ?? {});
  const { network, httpHooks, onProgress, ...shared } = machineOptions(pool);
  const hasNetwork = own.network !== undefined || own.httpHooks !== undefined;
  const inherited = {
    ...(network === undefined ? {} : { network }),
    ...(httpHooks === undefined ? {} : { httpHooks }),
  };
  return {
    ...shared,
    ...(hasNetwork ? {} : inherited),
    ...own,
    env: { ...pool.env, ...own.env },
    vfs: { ...pool.vfs, ...own.vfs, memory: { ...pool.vfs?.memory, ...own.vfs?.memory } },
  };
}
