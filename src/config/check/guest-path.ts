import { posix } from 'node:path';

/**
 * A guest path as it is meant: relative ones join the workspace and may not leave it, absolute ones stand.
 * Null when a relative path leaves the workspace.
 */
export function resolveGuestPath(path: string, workspace: string): string | null {
  const joined = path.startsWith('/') ? posix.normalize(path) : posix.join(workspace, path);
  const clean = joined.length > 1 ? joined.replace(/\/+$/, '') : joined;
  if (path.startsWith('/')) return clean;
  // "/workspace2" only looks like "/workspace": compare whole components.
  const isInside =
    clean === workspace || clean.startsWith(workspace === '/' ? '/' : `${workspace}/`);
  return isInside ? clean : null;
}

const RESERVED = ['/proc', '/sys', '/dev', '/run'];

/** True for paths that the guest's own system stands on. */
export function isReservedGuestPath(path: string): boolean {
  return path === '/' || RESERVED.some((root) => path === root || path.startsWith(`${root}/`));
}
