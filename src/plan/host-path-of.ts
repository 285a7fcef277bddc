import type { MountPlan } from './plan.ts';
import { isWritableMount } from './writable-mounts.ts';

function covers({ guestPath }: MountPlan, path: string): boolean {
  return path === guestPath || path.startsWith(`${guestPath}/`) || guestPath === '/';
}

/**
 * Returns the host path of the file that a guest changes when it changes `path`; null when that is no file of the host: it
 * is below no mount, or the deepest mount above it keeps changes away from the host.
 */
export function hostPathOf(mounts: readonly MountPlan[], path: string): string | null {
  let deepest: MountPlan | null = null;
  for (const mount of mounts) {
    if (!covers(mount, path)) continue;
    if (deepest === null || mount.guestPath.length > deepest.guestPath.length) deepest = mount;
  }
  if (deepest === null || !isWritableMount(deepest)) return null;
  const { guestPath, hostPath } = deepest;
  if (path === guestPath) return hostPath;
  const below = guestPath === '/' ? path : path.slice(guestPath.length);
  return hostPath === '/' ? below : `${hostPath}${below}`;
}
