import { constants } from 'node:fs';
import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type AcceleratorVerdict, chooseAccelerator } from './accelerator.ts';
import { type ConfinementVerdict, chooseConfinement } from './confinement.ts';
import { currentUser } from './current-user.ts';
import { type Directories, type Environment, ensureDirectory } from './directories.ts';
import { isLocalFileSystem } from './inotify/local-file-system.ts';
import { watchLimit } from './inotify/watch-limit.ts';
import { openFileLimit } from './open-file-limit.ts';
import { confineProgramPath, guestAgentPath, packageRoot } from './package-root.ts';
import { addSubordinateIdsCommand, hasSubordinateRange } from './subordinate-ids.ts';
import { toolVersion } from './tool-versions.ts';
import { findTool, TOOLS, type Tool, type ToolName } from './tools.ts';

/** The facts on which `judgeHost` decides: plain data, read in one go by `gatherHostFacts`. */
export interface HostFacts {
  /** `process.versions.node`, e.g. `20.19.0`. */
  readonly nodeVersion: string;
  /** `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  /** Absolute path of each tool; null when it is not in PATH. */
  readonly tools: Readonly<Record<ToolName, string | null>>;
  /** First line of `--version`; null when QEMU is missing or printed nothing. */
  readonly qemuVersion: string | null;
  /** Null when QEMU is missing. */
  readonly accelerator: AcceleratorVerdict | null;
  /** The confinement that works here; null when QEMU or the program that confines it is missing. */
  readonly confinement: ConfinementVerdict | null;
  /** Files of apt's configuration that name package sources and can be read. */
  readonly aptSources: readonly string[];
  readonly hasDebianKeyring: boolean;
  /** Null when it is not built. */
  readonly agentPath: string | null;
  /** The directory that holds `guest/`. */
  readonly packageRoot: string;
  readonly cache: {
    readonly path: string;
    readonly problem: string | null;
    readonly freeBytes: number;
  };
  /** Limit of this process's open files. */
  readonly openFileLimit: number;
  /** Directories that the kernel lets this user watch. */
  readonly watchLimit: number;
  /** False when other hosts can change the files of the current directory. */
  readonly isLocalDirectory: boolean;
  readonly isRoot: boolean;
  readonly userName: string;
  /** Null if an unprivileged user may make user namespaces, else the reason. */
  readonly userNamespaceProblem: string | null;
  /** The command that gives this user ids in /etc/subuid and /etc/subgid; null when both have enough. */
  readonly subordinateIdsFix: string | null;
}

/** Debian's archive keyring, which apt and mmdebstrap verify the mirror with. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface GatherOptions {
  readonly directories: Directories;
  readonly env?: Environment;
  /** Root of the files looked at (`/etc`, `/proc`, `/usr`), for tests. */
  readonly root?: string;
}

/**
 * Looks at this machine. Starts QEMU once or twice (version, KVM probe, under 3 s together) and creates the cache
 * directory; changes nothing else. Never fails for what is missing: that is what it reports.
 * @throws {GondolinError} HOST_ACCEL_INVALID
 */
export async function gatherHostFacts(options: GatherOptions): Promise<HostFacts> {
  const { directories, env = process.env, root = '/' } = options;
  const cache = await cacheFacts(directories.cache);
  const qemu = findTool('qemu-system-x86_64', env);
  const isCacheUsable = cache.problem === null;
  const user = currentUser();
  // Before the accelerator, whose probe is confined too.
  const confinement =
    qemu !== null && isCacheUsable ? await confinementOf(qemu, directories.cache) : null;
  return {
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    tools: toolPaths(env),
    qemuVersion: qemu !== null && isCacheUsable ? await versionOf(qemu, directories.cache) : null,
    accelerator:
      qemu !== null && isCacheUsable ? await acceleratorOf(qemu, directories.cache, env) : null,
    confinement,
    aptSources: await readableAptSources(root),
    hasDebianKeyring: await isReadable(join(root, KEYRING)),
    agentPath: agentPath(),
    packageRoot: packageRoot(),
    cache,
    openFileLimit: openFileLimit(),
    watchLimit: watchLimit(root),
    isLocalDirectory: isLocalFileSystem('.'),
    isRoot: user.uid === 0,
    userName: user.name,
    userNamespaceProblem: await userNamespaceProblem(root),
    subordinateIdsFix: await subordinateIdsFix(root, user.name, user.uid),
  };
}

function toolPaths(env: Environment): Record<ToolName, string | null> {
  const names = Object.keys(TOOLS) as ToolName[];
  const paths = names.map((name) => [name, findTool(name, env)?.path ?? null] as const);
  return Object.fromEntries(paths) as Record<ToolName, string | null>;
}

async function versionOf(qemu: Tool, cacheDirectory: string): Promise<string | null> {
  return toolVersion(qemu, cacheDirectory).catch(onlyOurs(null));
}

async function acceleratorOf(
  qemu: Tool,
  cacheDirectory: string,
  env: Environment,
): Promise<AcceleratorVerdict | null> {
  try {
    return await chooseAccelerator({ qemu, cacheDirectory, env, useCache: false });
  } catch (error) {
    // The program that confines QEMU is not built: it has a requirement of its own.
    if (GondolinError.is(error) && error.code === 'HOST_AGENT_NOT_BUILT') return null;
    throw error;
  }
}

async function confinementOf(
  qemu: Tool,
  cacheDirectory: string,
): Promise<ConfinementVerdict | null> {
  try {
    return await chooseConfinement({ qemu, cacheDirectory, useCache: false });
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'HOST_AGENT_NOT_BUILT') return null;
    throw error;
  }
}

/** A handler that turns one of our errors into `value` and lets a bug through. */
function onlyOurs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (GondolinError.is(error)) return value;
    throw error;
  };
}

function agentPath(): string | null {
  try {
    // Built together: without either no machine runs.
    confineProgramPath();
    return guestAgentPath();
  } catch (error) {
    return onlyOurs(null)(error);
  }
}

async function cacheFacts(path: string): Promise<HostFacts['cache']> {
  try {
    await ensureDirectory(path);
    await access(path, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(path);
    return { path, problem: null, freeBytes: bavail * bsize };
  } catch (error) {
    const cause = GondolinError.is(error) ? error.cause : error;
    return { path, problem: cause instanceof Error ? cause.message : String(cause), freeBytes: 0 };
  }
}

async function readableAptSources(root: string): Promise<string[]> {
  const directory = join(root, 'etc/apt/sources.list.d');
  const names = await readdir(directory).catch(() => []);
  const parts = names.filter((name) => /\.(?:list|sources)$/.test(name)).toSorted();
  const files = [join(root, 'etc/apt/sources.list'), ...parts.map((name) => join(directory, name))];
  const texts = await Promise.all(files.map(readText));
  return files.filter((_, index) => /^\s*(?:deb\s|Types:)/m.test(texts[index] ?? ''));
}

async function userNamespaceProblem(root: string): Promise<string | null> {
  // Each file exists only where its kernel or distribution has that switch.
  const switches = [
    { file: 'proc/sys/user/max_user_namespaces', blocked: /^0$/ },
    { file: 'proc/sys/kernel/unprivileged_userns_clone', blocked: /^0$/ },
    { file: 'proc/sys/kernel/apparmor_restrict_unprivileged_userns', blocked: /^1$/ },
  ];
  for (const { file, blocked } of switches) {
    const value = (await readText(join(root, file))).trim();
    if (blocked.test(value))
      return `${file.slice('proc/sys/'.length).replaceAll('/', '.')}=${value}`;
  }
  return null;
}

/** The command that gives the user subordinate ids; null when there are enough. */
async function subordinateIdsFix(root: string, name: string, uid: number): Promise<string | null> {
  const [subuid, subgid] = await Promise.all([
    readText(join(root, 'etc/subuid')),
    readText(join(root, 'etc/subgid')),
  ]);
  const hasBoth = [subuid, subgid].every((text) => hasSubordinateRange(text, name, uid));
  return hasBoth ? null : addSubordinateIdsCommand(name, [subuid, subgid]);
}

/** The text of a small file; empty when it is absent or not readable, which the requirements treat alike. */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

async function isReadable(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
