import type { HostFacts } from './host-facts.ts';
import { SUBORDINATE_IDS_NEEDED } from './subordinate-ids.ts';
import { installCommand, TOOLS, type ToolName } from './tools.ts';

/** A requirement of gondolin, or something that improves it. */
export interface Requirement {
  readonly name: string;
  readonly found: boolean;
  /** The thing that was found or is missing, in one line. */
  readonly detail: string;
  /** The command or action that fixes it; null if it was found. */
  readonly fix: string | null;
  /** True when `gondolin run` cannot work without it. */
  readonly isFatal: boolean;
}

/** The oldest Node version in `engines` of package.json. */
const NODE_MINIMUM = [20, 19] as const;
/** A guest may have a sixteenth of them open on a host mount: 256. */
const OPEN_FILES_WANTED = 4096;
/** A project with its dependencies has thousands of directories; the kernel's own value depends on the memory. */
const WATCHES_WANTED = 65_536;
/** A Debian image takes about 100 MB, and the packages as much again while it is built. */
const FREE_BYTES_WANTED = 1024 ** 3;

/**
 * Checks all requirements, in the order they are needed; each missing one has a fix. Pure: the facts come from
 * `gatherHostFacts`.
 */
export function judgeHost(facts: HostFacts): Requirement[] {
  const rootless = facts.isRoot ? [] : rootlessRequirements(facts);
  return [
    node(facts),
    platform(facts),
    qemu(facts),
    accelerator(facts),
    confinement(facts),
    agent(facts),
    cacheDirectory(facts),
    openFiles(facts),
    watches(facts),
    ...(['mmdebstrap', 'sqfstar', 'setpriv', 'unshare', 'xz'] as const).map((name) =>
      tool(facts, name),
    ),
    fileSystemMaker(facts),
    foreignQemu(facts),
    aptSources(facts),
    keyring(facts),
    ...rootless,
  ];
}

/** True when nothing fatal is missing. */
export function canRun(requirements: readonly Requirement[]): boolean {
  return requirements.every(({ found, isFatal }) => found || !isFatal);
}

function requirement(name: string, isFatal: boolean, found: boolean, detail: string, fix: string) {
  return { name, found, detail, fix: found ? null : fix, isFatal };
}

function node({ nodeVersion }: HostFacts): Requirement {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const [wantMajor, wantMinor] = NODE_MINIMUM;
  const found = major > wantMajor || (major === wantMajor && minor >= wantMinor);
  const fix = `install Node.js ${wantMajor}.${wantMinor} or newer`;
  return requirement('Node.js', true, found, nodeVersion, fix);
}

function platform({ platform, arch }: HostFacts): Requirement {
  const found = platform === 'linux' && arch === 'x64';
  return requirement('host system', true, found, `${platform} ${arch}`, 'use Linux on x86-64');
}

function qemu(facts: HostFacts): Requirement {
  const path = facts.tools['qemu-system-x86_64'];
  const fix = installCommand('qemu-system-x86_64');
  if (path === null) return requirement('QEMU', true, false, 'QEMU not found in PATH', fix);
  if (facts.qemuVersion === null && facts.cache.problem === null) {
    const reinstall = fix.replace('install', 'install --reinstall');
    return requirement('QEMU', true, false, `${path} does not respond to --version`, reinstall);
  }
  return requirement('QEMU', true, true, facts.qemuVersion ?? path, fix);
}

function accelerator({ accelerator }: HostFacts): Requirement {
  const fix = 'none needed, but VMs run slower; choose a cloud host with nested KVM';
  if (accelerator === null) {
    return requirement(
      'KVM',
      false,
      false,
      'not probed',
      'fix QEMU, the guest agent and the cache directory first',
    );
  }
  const isKvm = accelerator.accelerator === 'kvm';
  const detail = isKvm ? accelerator.reason : `${accelerator.reason}: TCG is used`;
  const isDenied = /permission denied/i.test(accelerator.reason);
  return requirement('KVM', false, isKvm, detail, isDenied ? 'usermod -aG kvm "$USER"' : fix);
}

function confinement({ confinement, isRoot, userNamespaceProblem }: HostFacts): Requirement {
  const name = 'QEMU confinement';
  if (confinement === null) {
    return requirement(
      name,
      false,
      false,
      'not tried',
      'fix QEMU, the guest agent and the cache directory first',
    );
  }
  const { ids, hasOwnRoot, hasLandlock, problem } = confinement;
  const has = [
    ...(hasOwnRoot ? ['its own file system and network'] : []),
    ...(hasLandlock ? ['only its files and no sockets (Landlock)'] : []),
    ...(ids === null ? [] : ['its own user']),
    'no capabilities, no environment',
  ];
  const detail = `${has.join(', ')}${problem === null ? '' : `; ${problem}`}`;
  const key = userNamespaceProblem?.split('=', 1)[0] ?? 'user.max_user_namespaces';
  const fix = isRoot
    ? 'run gondolin as an ordinary user; in a container give it SYS_ADMIN and SYS_PTRACE'
    : `sysctl -w ${key}=${namespaceSwitch(key)}`;
  return requirement(name, false, hasOwnRoot && (ids !== null || !isRoot), detail, fix);
}

/** The value of a sysctl that allows user namespaces. */
function namespaceSwitch(key: string): number {
  return key.endsWith('max_user_namespaces') ? 15_000 : Number(key.includes('clone'));
}

function tool(facts: HostFacts, name: ToolName): Requirement {
  const path = facts.tools[name];
  const detail = path ?? `${TOOLS[name].title} not found in PATH`;
  return requirement(TOOLS[name].title, true, path !== null, detail, installCommand(name));
}

/** Only persistent volumes and `root: disk` need it. */
function fileSystemMaker(facts: HostFacts): Requirement {
  return { ...tool(facts, 'mkfs.ext4'), isFatal: false };
}

/** Only images with `arch: aarch64` need it. */
function foreignQemu(facts: HostFacts): Requirement {
  return { ...tool(facts, 'qemu-system-aarch64'), isFatal: false };
}

function agent({ agentPath, packageRoot, tools }: HostFacts): Requirement {
  const missing = (['make', 'musl-gcc'] as const).filter((name) => tools[name] === null);
  const commands = [...missing.map(installCommand), `make -C ${packageRoot}/guest`];
  const detail = agentPath ?? 'not built';
  return requirement('guest agent', true, agentPath !== null, detail, commands.join(' && '));
}

function cacheDirectory({ cache }: HostFacts): Requirement {
  const name = 'cache directory';
  if (cache.problem !== null) {
    const fix = `mkdir -p ${cache.path} && chown "$USER" ${cache.path}, or set XDG_CACHE_HOME`;
    return requirement(name, true, false, cache.problem, fix);
  }
  const free = `${cache.path}, ${Math.floor(cache.freeBytes / 1024 ** 2)} MiB free`;
  const fix = 'gondolin prune, or set XDG_CACHE_HOME to a larger disk (1 GiB is enough)';
  return requirement(name, false, cache.freeBytes >= FREE_BYTES_WANTED, free, fix);
}

function watches({ watchLimit, isLocalDirectory }: HostFacts): Requirement {
  const name = 'watched files';
  if (!isLocalDirectory) {
    const detail = 'other hosts can change the files here, so guests check them again every second';
    return requirement(name, false, false, detail, 'a directory on a disk of this host is faster');
  }
  const detail = `${watchLimit} directories of a user at most, of which gondolin takes half`;
  const fix = `sysctl -w fs.inotify.max_user_watches=${WATCHES_WANTED}`;
  return requirement(name, false, watchLimit >= WATCHES_WANTED, detail, fix);
}

function openFiles({ openFileLimit }: HostFacts): Requirement {
  const found = openFileLimit >= OPEN_FILES_WANTED;
  const fix = `raise the hard limit (ulimit -Hn, LimitNOFILE=, docker --ulimit nofile=) to ${OPEN_FILES_WANTED} or more`;
  return requirement('open files', false, found, `at most ${openFileLimit}`, fix);
}

function aptSources({ aptSources }: HostFacts): Requirement {
  const detail = aptSources.length > 0 ? aptSources.join(', ') : 'no package source in /etc/apt';
  const fix =
    'add one to /etc/apt/sources.list.d, or set build.debian.mirror of the image in gondolin.yaml';
  return requirement('apt sources', false, aptSources.length > 0, detail, fix);
}

function keyring({ hasDebianKeyring }: HostFacts): Requirement {
  const detail = hasDebianKeyring ? 'installed' : 'debian-archive-keyring.gpg is missing';
  const fix = 'apt install debian-archive-keyring';
  return requirement('Debian keyring', true, hasDebianKeyring, detail, fix);
}

/** Requirements that building an image as an ordinary user adds. */
function rootlessRequirements(facts: HostFacts): Requirement[] {
  const { userNamespaceProblem, subordinateIdsFix, userName } = facts;
  const key = userNamespaceProblem?.split('=', 1)[0] ?? '';
  const hasIds = subordinateIdsFix === null;
  return [
    requirement(
      'user namespaces',
      true,
      userNamespaceProblem === null,
      userNamespaceProblem ?? 'allowed',
      `sysctl -w ${key}=${namespaceSwitch(key)}`,
    ),
    requirement(
      'subordinate ids',
      true,
      hasIds,
      `${hasIds ? '' : 'no '}${SUBORDINATE_IDS_NEEDED} ids of ${userName} in /etc/subuid and /etc/subgid`,
      subordinateIdsFix ?? '',
    ),
    tool(facts, 'newuidmap'),
  ];
}
