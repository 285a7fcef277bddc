import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestImage } from '../image/guest-image.ts';
import type { NetworkEventSink } from '../net/audit/network-event.ts';
import type { createHttpHooks, HttpHooks } from '../net/hooks/create-http-hooks.ts';
import { isHttpHooks } from '../net/hooks/http-hooks.ts';
import type { PolicyMode } from '../net/policy/policy-options.ts';
import type { SshOptions } from '../net/ssh/ssh-options.ts';
import type { ImageRecipe } from '../plan/plan.ts';
import { VFS_HOOK_NAMES, type VfsHooks } from '../vfs/hooks/vfs-hooks.ts';
import type { VfsProvider } from '../vfs/provider.ts';
import { checkDisks, type DiskMount } from './disks/disk-options.ts';
import type { VMNetwork } from './guest-network.ts';

/**
 * Receives one component name (`vm`, `agent`, `net`, `vfs`) and one line of text.
 *
 * @example
 * const debugLog: DebugLog = (component, message) => console.error(`[${component}] ${message}`);
 * const vm = await VM.create({ sandbox: { debug: '*', debugLog } });
 */
export type DebugLog = (component: string, message: string) => void;

/**
 * Options of the virtual machine itself.
 *
 * @example
 * const sandbox: SandboxOptions = { rootOverlay: true };
 * const vm = await VM.create({ sandbox });
 */
export interface SandboxOptions {
  /** Makes `/` writable (a tmpfs over the image, lost at the end). @default false */
  readonly rootOverlay?: boolean;
  /**
   * With `rootOverlay`: what is written to `/` goes to a disk of this size instead of memory, in bytes or as `8GiB`; 32 MiB to 16 TiB.
   * The disk ends with the VM, and takes what is used of it in the state directory of the host. @default memory
   */
  readonly rootDisk?: number | string;
  /** A directory with a built image, or the name of an image of this machine (`gondolin build --tag`). @default $GONDOLIN_GUEST_DIR */
  readonly imagePath?: string;
  /** Which components to log, or `'*'`: `sandbox` (`vm` and `agent`), `network` (or `net`) and `vfs`. @default none */
  readonly debug?: readonly string[] | '*';
  /** Receives debug lines. @default standard error */
  readonly debugLog?: DebugLog;
}

/**
 * Memory of the guest that is mounted as a file system.
 *
 * @example
 * const scratch: MemoryMount = { sizeBytes: 64 * 2 ** 20 };
 * const vm = await VM.create({ vfs: { memory: { '/scratch': scratch } } });
 */
export interface MemoryMount {
  /** Upper limit of its content, in bytes. */
  readonly sizeBytes: number;
}

/**
 * Options of {@link VM.create}. All are optional: the default is the built-in `debian` image with no mounts.
 *
 * @example
 * const options: VMOptions = { cpus: 2, memory: '1GiB', env: { CI: '1' } };
 * const vm = await VM.create(options);
 */
export interface VMOptions {
  /** A named built-in (`debian`), a recipe, or an image that already exists. @default 'debian' */
  readonly image?: 'debian' | ImageRecipe | GuestImage;
  /** Virtual CPUs, 1..64. @default 1 */
  readonly cpus?: number;
  /** Memory in bytes, or a size such as `512MiB` or `1GiB`. @default '512MiB' */
  readonly memory?: number | string;
  /** Environment of every command; `exec` options add to it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Guest user of every command: `UID[:GID]` or `NAME[:GROUP]`. @default root */
  readonly user?: string;
  /** Default working directory of commands, absolute. @default the user's home */
  readonly cwd?: string;
  /** The guest's host name. @default 'gondolin' */
  readonly hostname?: string;
  readonly vfs?: {
    /** Guest path (absolute) → provider that serves it. */
    readonly mounts?: Readonly<Record<string, VfsProvider>>;
    /** Guest path (absolute) → memory of the guest itself (tmpfs). */
    readonly memory?: Readonly<Record<string, MemoryMount>>;
    /** Guest path (absolute) → disk image of the host, kept between VMs; at most 16. @default none */
    readonly disks?: Readonly<Record<string, DiskMount>>;
    /** Functions that see, refuse or change what the guest does with the files of `mounts`. @default none */
    readonly hooks?: VfsHooks;
  };
  readonly sandbox?: SandboxOptions;
  /**
   * Network policy: `httpHooks` of what `createHttpHooks` returns, whose `env` then goes into `env`; or all that it returns.
   * @default no network
   */
  readonly httpHooks?: HttpHooks | ReturnType<typeof createHttpHooks>;
  /** Network policy in the form of a project file; not together with `httpHooks`. @default no network */
  readonly network?: VMNetwork;
  /** SSH servers that the guest may reach with the host's credentials; adds to the network policy. @default none */
  readonly ssh?: SshOptions;
  /** Boots instead of restoring the template of this kind of machine. @default false, or true with GONDOLIN_COLD=1 */
  readonly cold?: boolean;
  /**
   * A directory that `save` wrote: the VM is restored from it, as a machine of its own. Image, cpus, memory and the guest
   * paths of `vfs` must be those of the saved VM.
   */
  readonly from?: string;
  /** Time limit for the guest to become ready, in milliseconds. @default 60000 */
  readonly startTimeoutMs?: number;
  /** A name for people, shown where VMs are listed: 1 to 100 printable characters. @default none */
  readonly sessionLabel?: string;
  /** Cancels the start; has no effect afterwards (use `close`). */
  readonly signal?: AbortSignal;
  /** Receives one line for each stage while the VM starts. */
  readonly onProgress?: (message: string) => void;
  /** Receives problems that did not stop the start, one line each. @default none */
  readonly onWarning?: (message: string) => void;
  /** Receives the events of the guest's network, at once and in order. Must not throw. */
  readonly onNetworkEvent?: NetworkEventSink;
}

/** RAM of a VM whose options name none. */
export const DEFAULT_MEMORY = '512MiB';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
};

const MIN_MEMORY_BYTES = 64 * 2 ** 20;
const MAX_MEMORY_BYTES = 1024 * 2 ** 30;
const MAX_CPUS = 64;
const POLICY_MODES: readonly PolicyMode[] = ['none', 'allowlist', 'open'];
const MAX_LABEL_LENGTH = 100;

function invalid(option: string, got: unknown, want: string): GondolinError {
  return new GondolinError(
    'VM_BAD_OPTION',
    `option ${option}: got ${JSON.stringify(got)}, want ${want}`,
  );
}

/**
 * Returns the bytes of a memory option: a number of bytes, or `512MiB`, `512M`, `1GiB`. Rounded up to whole MiB.
 * @throws {GondolinError} VM_BAD_OPTION when it is not a size of 64 MiB to 1 TiB.
 */
export function memoryBytes(memory: number | string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMG])(?:i?B)?|B)?$/.exec(String(memory));
  const bytes =
    match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
  if (!(bytes >= MIN_MEMORY_BYTES && bytes <= MAX_MEMORY_BYTES)) {
    throw invalid('memory', memory, 'a size from 64MiB to 1024GiB');
  }
  return Math.ceil(bytes / 2 ** 20) * 2 ** 20;
}

function checkGuestPaths(option: string, paths: readonly string[]): void {
  for (const path of paths) {
    const isClean =
      path.startsWith('/') && path.length > 1 && !/(?:^|\/)\.{0,2}(?:\/|$)/.test(path.slice(1));
    if (!isClean || path.includes('\0'))
      throw invalid(option, path, 'an absolute guest path such as /workspace');
  }
}

/**
 * Checks options that would otherwise fail only later in the guest.
 * @throws {GondolinError} VM_BAD_OPTION naming the option, what it was and what it must be.
 */
export function checkOptions(options: VMOptions): void {
  const cpus = options.cpus ?? 1;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS)
    throw invalid('cpus', cpus, `1 to ${MAX_CPUS}`);
  if (
    options.hostname !== undefined &&
    !/^[a-zA-Z0-9][a-zA-Z0-9.-]{0,62}$/.test(options.hostname)
  ) {
    throw invalid('hostname', options.hostname, 'letters, digits, dots and dashes, at most 63');
  }
  if (options.cwd !== undefined && !options.cwd.startsWith('/')) {
    throw invalid('cwd', options.cwd, 'an absolute guest path');
  }
  if (options.from !== undefined && !options.from.startsWith('/')) {
    throw invalid('from', options.from, 'an absolute host path');
  }
  const { startTimeoutMs = 1 } = options;
  if (!Number.isInteger(startTimeoutMs) || startTimeoutMs < 1) {
    throw invalid('startTimeoutMs', startTimeoutMs, 'a whole number of milliseconds');
  }
  checkLabel(options.sessionLabel);
  checkEnv(options.env ?? {});
  checkCombinations(options);
}

/** A label is printed in tables and kept in files that other programs of this user read. */
function checkLabel(label: string | undefined): void {
  if (label === undefined) return;
  const isLabel =
    typeof label === 'string' && label.length <= MAX_LABEL_LENGTH && /^\P{C}+$/u.test(label);
  if (!isLabel || label.trim() === '') {
    throw invalid('sessionLabel', label, `1 to ${MAX_LABEL_LENGTH} printable characters`);
  }
}

/** A misspelled hook would never be called, and what it should refuse would pass. */
function checkVfsHooks(hooks: object): void {
  for (const [name, hook] of Object.entries(hooks)) {
    if (!VFS_HOOK_NAMES.some((known) => known === name)) {
      throw invalid('vfs.hooks', name, `only ${VFS_HOOK_NAMES.join(', ')}`);
    }
    if (hook !== undefined && typeof hook !== 'function') {
      throw invalid(`vfs.hooks.${name}`, typeof hook, 'a function');
    }
  }
}

/** Checks options that are valid alone but not together. */
function checkCombinations(options: VMOptions): void {
  if (options.network !== undefined && options.httpHooks !== undefined) {
    throw invalid('network', 'both network and httpHooks', 'one of them');
  }
  const mode = options.network?.policy.mode;
  // From JavaScript: any other word would count as allowlist.
  if (mode !== undefined && !POLICY_MODES.includes(mode)) {
    throw invalid('network.policy.mode', mode, POLICY_MODES.join(', '));
  }
  if (options.httpHooks !== undefined && !isHttpHooks(options.httpHooks)) {
    // The value may contain secrets: the message does not show it.
    throw new GondolinError(
      'VM_BAD_OPTION',
      'option httpHooks: want what createHttpHooks() returns, or the httpHooks in it',
      { hint: 'const { httpHooks, env } = createHttpHooks({ … }); VM.create({ httpHooks, env })' },
    );
  }
  checkVfsHooks(options.vfs?.hooks ?? {});
  const provided = Object.keys(options.vfs?.mounts ?? {});
  const memory = Object.keys(options.vfs?.memory ?? {});
  checkGuestPaths('vfs.mounts', provided);
  checkGuestPaths('vfs.memory', memory);
  const disks = Object.keys(options.vfs?.disks ?? {});
  checkGuestPaths('vfs.disks', disks);
  checkDisks(options.vfs?.disks ?? {});
  const paths = [...provided, ...memory, ...disks];
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw invalid('vfs', twice, 'each guest path once');
}

/** @throws {GondolinError} VM_BAD_OPTION when a name contains `=` or NUL, or a value contains NUL. */
export function checkEnv(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    // The value may be a credential: the message names the variable only.
    if (!/^[^=\0]+$/.test(name)) throw invalid('env', name, 'a name without = and NUL');
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        `option env: value of ${name} must be a string without NUL`,
      );
    }
  }
}
