import { readFile } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { currentUser } from '../../host/current-user.ts';
import {
  addSubordinateIdsCommand,
  hasSubordinateRange,
  SUBORDINATE_IDS_NEEDED,
} from '../../host/subordinate-ids.ts';
import { filterThrough } from '../process/filter-tool.ts';
import { requireBuildTools } from '../process/tool.ts';

/** The user who builds: root, or one with a range of subordinate ids in a user namespace. */
export interface Builder {
  readonly uid: number;
  readonly userName: string;
  /** Texts of /etc/subuid and /etc/subgid; empty for a missing file. */
  readonly subuid: string;
  readonly subgid: string;
}

const LIMIT_BYTES = 64 * 1024;

/** Facts about the user this process runs as. */
export async function identifyBuilder(): Promise<Builder> {
  const { uid, name: userName } = currentUser();
  const [subuid, subgid] = await Promise.all([readIds('/etc/subuid'), readIds('/etc/subgid')]);
  return { uid, userName, subuid, subgid };
}

async function readIds(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

/** Words to put before a command. */
export interface Isolation {
  /**
   * Runs it as root of its own namespaces: mounts and processes of the build are invisible to others and end with it,
   * and it ends with us, even after kill -9.
   */
  readonly isolated: readonly string[];
  /** Runs it so that this user's files look like root's. */
  readonly asRoot: readonly string[];
}

/**
 * @throws {GondolinError} IMAGE_TOOL_MISSING; IMAGE_BUILD_UNPRIVILEGED when the user has no subordinate ids or the
 * kernel refuses the namespaces.
 */
export async function isolateBuild(builder: Builder, signal: AbortSignal): Promise<Isolation> {
  const isRoot = builder.uid === 0;
  const needed = isRoot
    ? (['setpriv', 'unshare'] as const)
    : (['setpriv', 'unshare', 'newuidmap', 'newgidmap'] as const);
  const tools = requireBuildTools(needed, 'build the root file system');
  if (!isRoot) checkSubordinateIds(builder);
  const asRoot = isRoot ? [] : [tools.unshare, '--map-root-user', '--'];
  const isolated = [
    tools.setpriv,
    '--pdeathsig=KILL',
    '--',
    tools.unshare,
    // All ids of a Debian system are needed, not only root.
    ...(isRoot ? [] : ['--map-root-user', '--map-auto']),
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=KILL',
    '--mount-proc',
    '--',
  ];
  await tryNamespaces(isolated, isRoot, signal);
  return { isolated, asRoot };
}

/** Throws IMAGE_BUILD_UNPRIVILEGED when the user has no range of as many ids as a build needs. */
export function checkSubordinateIds({ userName, uid, subuid, subgid }: Builder): void {
  const missing = [
    { file: '/etc/subuid', text: subuid },
    { file: '/etc/subgid', text: subgid },
  ].filter(({ text }) => !hasSubordinateRange(text, userName, uid));
  if (missing.length === 0) return;
  throw new GondolinError(
    'IMAGE_BUILD_UNPRIVILEGED',
    `Cannot build the root file system: '${userName}' has no ${SUBORDINATE_IDS_NEEDED} ids in ${missing.map(({ file }) => file).join(' and ')}`,
    {
      hint: `Run once: sudo ${addSubordinateIdsCommand(userName, [subuid, subgid])}`,
      details: { userName },
    },
  );
}

async function tryNamespaces(
  words: readonly string[],
  isRoot: boolean,
  signal: AbortSignal,
): Promise<void> {
  const [file = '', ...args] = words;
  try {
    await filterThrough(file, [...args, 'true'], { limitBytes: LIMIT_BYTES, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new GondolinError(
      'IMAGE_BUILD_UNPRIVILEGED',
      'Cannot build the root file system: the kernel refuses the namespaces it is built in',
      {
        hint: isRoot
          ? 'In a container, start it with the capability CAP_SYS_ADMIN, or build the image outside of it.'
          : 'Allow them with: sudo sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 (or build as root).',
        cause,
      },
    );
  }
}
