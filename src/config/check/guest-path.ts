import { posix } from 'node:path';

/**
 * Resolves a guest path: a relative one is joined to the workspace and must stay inside, an absolute one is used as it is.
 * @returns null when a relative path leaves the workspace.
 */
export function resolveGuestPath(path: string, workspace: string): string | null {
  const joined = path.startsWith('/') ? posix.normalize(path) : posix.join(workspace, path);
  const clean = joined.length > 1 ? joined.replace(/\/+$/, '') : joined;
  if (path.startsWith('/')) return clean;
  return isInside(clean, workspace) ? clean : null;
}

/** True for the workspace and the paths below it. Whole components: "/workspace2" only looks like "/workspace". */
export function isInside(clean: string, workspace: string): boolean {
  return clean === workspace || clean.startsWith(workspace === '/' ? '/' : `${workspace}/`);
}

/** Mounted by the agent: nothing else is mounted at or below them. */
const KERNEL_PATHS = ['/proc', '/sys', '/dev', '/run'];
/** Programs, libraries and accounts of the image: a mount over them would leave nothing to run. Below them is fine. */
const SYSTEM_PATHS: ReadonlySet<string> = new Set([
  '/',
  '/bin',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/sbin',
  '/usr',
  '/usr/bin',
  '/usr/lib',
  '/usr/lib32',
  '/usr/lib64',
  '/usr/libx32',
  '/usr/sbin',
]);

/** Hint for an issue about one of these paths. */
export const SYSTEM_PATH_HINT =
  'Write a path below the workspace, or another absolute one such as /data, /srv/x or /usr/local/x.';

/** Returns true for paths that the guest's own system needs. */
export function isReservedGuestPath(path: string): boolean {
  const isKernels = KERNEL_PATHS.some((root) => path === root || path.startsWith(`${root}/`));
  return isKernels || SYSTEM_PATHS.has(path);
}
