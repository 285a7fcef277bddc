import type { MountPlan, VmPlan } from '../../plan/plan.ts';
import { createShadowPathPredicate } from '../../vfs/shadow-provider.ts';
import { type CopyFilter, gitignoreFilter } from './gitignore-filter.ts';

/** A tree that is copied into a guest. */
export type CopyPlan = Extract<MountPlan, { kind: 'copy' }>;

/** More entries are a mistake, such as a tree of dependencies without `gitignore`. */
export const MAX_COPIED_ENTRIES = 200_000;

/** Returns the trees that a sandbox copies in, in the order of the file. */
export function copiesOf({ mounts }: VmPlan): CopyPlan[] {
  return mounts.filter((mount): mount is CopyPlan => mount.kind === 'copy');
}

/** Returns the filter of one tree: without hidden names and, if it says so, what its `.gitignore` files ignore. */
export function copyFilter({ hostPath, usesGitignore }: CopyPlan, { hide }: VmPlan): CopyFilter {
  const shouldShadow = createShadowPathPredicate(hide);
  const isKept = usesGitignore ? gitignoreFilter(hostPath) : () => true;
  return (path, isDirectory) => !shouldShadow({ path: `/${path}` }) && isKept(path, isDirectory);
}
