import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isReservedGuestPath, resolveGuestPath } from '../config/check/guest-path.ts';
import { durationMs } from '../config/check/quantities.ts';
import { DEFAULT_NETWORK, DEFAULT_REPORTS, DEFAULT_WATCH } from '../config/defaults.ts';
import { resolveDirectories } from '../host/directories.ts';
import { findTagged } from '../image/tags/tag-store.ts';
import type { ImagePlan, MountPlan, Plan } from '../plan/plan.ts';
import { writableMounts } from '../plan/writable-mounts.ts';
import { DEFAULT_MEMORY, memoryBytes } from '../vm/vm-options.ts';
import { readEnvFlags } from './env-flags.ts';
import type { CliIo } from './io.ts';
import { type NetworkFlags, withNetworkFlags } from './network-flags.ts';
import { readPortFlags } from './port-flags.ts';
import { readImageFlag } from './read-image-flag.ts';
import { usageError } from './usage-error.ts';

/** Options that describe a new VM without a project file. */
export interface VmFlags extends NetworkFlags {
  readonly image?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly mountHostfs?: readonly string[];
  readonly mountMemfs?: readonly string[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly timeout?: string;
  readonly label?: string;
  readonly listen?: readonly string[];
}

/** Name of the project and sandbox in events and messages, and of the guest's host. */
const NAME = 'gondolin';

function readImage(image: string | undefined, io: CliIo): ImagePlan {
  const { env, cwd } = io;
  if (image !== undefined && image !== '') {
    return readImageFlag(image, io, `--image ${JSON.stringify(image)}`);
  }
  const wanted = env['GONDOLIN_GUEST_DIR'] || 'debian';
  const tagged = findTagged(resolveDirectories(env).taggedImages, wanted);
  if (wanted === 'debian' || tagged !== null)
    return readImageFlag(wanted, io, 'GONDOLIN_GUEST_DIR');
  // Whoever opens a missing directory says so, in the words of the documents.
  return { name: wanted, recipe: { kind: 'path', path: resolve(cwd, wanted) } };
}

function readCpus(text: string | undefined): number {
  if (text === undefined) return 1;
  if (/^[1-9]\d?$/.test(text) && Number(text) <= 64) return Number(text);
  throw usageError(`--cpus ${JSON.stringify(text)}: want 1 to 64`);
}

function readTimeLimit(text: string | undefined): number | null {
  if (text === undefined) return null;
  const limitMs = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/.test(text) ? durationMs(text) : 0;
  if (limitMs !== null && limitMs > 0 && limitMs < 2 ** 31) return limitMs;
  throw usageError(`--timeout ${JSON.stringify(text)}: want a time such as 90s, 5m or 1h30m`);
}

function readGuestPath(flag: string, path: string): string {
  const clean = path.startsWith('/') ? resolveGuestPath(path, '/') : null;
  if (clean === null || path.includes('\0')) {
    throw usageError(`${flag}: want an absolute guest path such as /workspace`);
  }
  if (!isReservedGuestPath(clean)) return clean;
  throw usageError(`${flag}: ${clean} is reserved for the guest's system`, 'Choose another path.');
}

/** Memory for what a guest changes in an overlay. */
const OVERLAY_BYTES = 256 * 2 ** 20;

/** Reads `HOST:GUEST[:ro|:overlay]`. The guest path begins after the last `:/`, so that a host path may have colons. */
function readHostMount(text: string, cwd: string): MountPlan {
  const match = /^(.+?):(\/[^:]*)(?::([^:/]*))?$/.exec(text);
  const [, host = '', guest = '', option] = match ?? [];
  const isKnown = [undefined, 'ro', 'readonly', 'overlay'].includes(option);
  if (match === null || !isKnown) {
    throw usageError(
      `--mount-hostfs ${JSON.stringify(text)}: want HOST:GUEST, HOST:GUEST:ro or HOST:GUEST:overlay`,
      'The guest path is absolute: --mount-hostfs ./src:/workspace:ro',
    );
  }
  const hostPath = resolve(cwd, host);
  if (statSync(hostPath, { throwIfNoEntry: false }) === undefined) {
    throw usageError(`--mount-hostfs: host path does not exist: ${hostPath}`, 'Create it first.');
  }
  const guestPath = readGuestPath('--mount-hostfs', guest);
  if (option !== 'overlay') {
    return { kind: 'host', hostPath, guestPath, isReadonly: option !== undefined };
  }
  if (!statSync(hostPath).isDirectory()) {
    const message = `--mount-hostfs: an overlay is of a directory, and this is a file: ${hostPath}`;
    throw usageError(message, 'Mount the directory that it is in.');
  }
  const overlay = { sizeBytes: OVERLAY_BYTES };
  return { kind: 'host', hostPath, guestPath, isReadonly: false, overlay };
}

function readMounts(flags: VmFlags, cwd: string, memory: number): MountPlan[] {
  const mounts: MountPlan[] = [
    ...(flags.mountHostfs ?? []).map((text) => readHostMount(text, cwd)),
    ...(flags.mountMemfs ?? []).map((path): MountPlan => {
      const guestPath = readGuestPath('--mount-memfs', path);
      return { kind: 'memory', guestPath, sizeBytes: Math.floor(memory / 2) };
    }),
  ];
  const paths = mounts.map(({ guestPath }) => guestPath);
  const twice = paths.find((path, index) => paths.indexOf(path) < index);
  if (twice !== undefined) throw usageError(`${twice} is mounted twice`, 'Mount each path once.');
  return mounts;
}

/** Project files at the top of what the guest can write: a new or changed one would widen the policy of a later run. */
function projectFiles(mounts: readonly MountPlan[], cwd: string): string[] {
  const writable = writableMounts(mounts).map(({ hostPath }) => hostPath);
  const directories = [...new Set([cwd, ...writable])].filter(
    (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  );
  return directories.flatMap((path) =>
    ['gondolin.yaml', 'gondolin.yml', 'gondolin.lock'].map((name) => join(path, name)),
  );
}

function toRecord(variables: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    variables.map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    }),
  );
}

/**
 * Returns the plan of one VM that flags describe. Its root is writable, and without `--allow-host` it reaches no host.
 * @throws {GondolinError} CLI_USAGE, VM_BAD_OPTION; neither shows a value of a variable or secret.
 */
export function planFromFlags(flags: VmFlags, io: CliIo): Plan {
  const memory = memoryBytes(flags.memory ?? DEFAULT_MEMORY);
  const mounts = readMounts(flags, io.cwd, memory);
  const env = toRecord(readEnvFlags(flags.env ?? [], io.env));
  const user = flags.user ?? '';
  const image = readImage(flags.image, io);
  // An OCI image need not have a /root.
  const home = user === '' && image.recipe.kind !== 'oci' ? '/root' : '/';
  const vm = {
    cpus: readCpus(flags.cpus),
    memoryBytes: memory,
    root: 'memory' as const,
    diskBytes: 0,
    user,
    env,
    envOutputs: {},
    maskedEnv: Object.keys(env),
    workspace: flags.cwd === undefined ? home : readDirectory(flags.cwd),
    timeoutMs: readTimeLimit(flags.timeout),
    mounts,
    hide: [],
    ports: readPortFlags(flags.listen ?? []),
  };
  const sandbox = {
    ...{ name: NAME, matrix: {}, matrixOf: null, shards: 1, artifacts: [], profiles: [] },
    reports: DEFAULT_REPORTS,
    ...{ image, vm, network: DEFAULT_NETWORK, secrets: [], steps: [] },
    service: null,
    dependsOn: [],
    watch: { ...DEFAULT_WATCH, directory: io.cwd },
    onWritableCode: 'fail' as const,
  };
  const plan: Plan = {
    name: NAME,
    configFiles: [],
    authorityFiles: projectFiles(mounts, io.cwd),
    hostCode: [],
    directory: io.cwd,
    sandboxes: [sandbox],
  };
  return withNetworkFlags(plan, flags);
}

function readDirectory(path: string): string {
  const clean = path.startsWith('/') ? resolveGuestPath(path, '/') : null;
  if (clean !== null) return clean;
  throw usageError('--cwd: want an absolute path of the guest');
}
