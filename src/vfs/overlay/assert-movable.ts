import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../file-mode.ts';
import { VfsError } from '../vfs-error.ts';
import { isBelowOrSame, isDirectory, type OverlayNode } from './overlay-node.ts';

interface Move {
  readonly parent: OverlayNode;
  readonly newParent: OverlayNode;
  readonly flags: number;
}

/** Checks a rename as Linux does. @throws {VfsError} EEXIST, ENOENT, EINVAL, ENOTEMPTY, EISDIR, ENOTDIR */
export function assertMovable(
  node: OverlayNode,
  old: OverlayNode | null,
  { parent, newParent, flags }: Move,
): void {
  const isExchange = (flags & RENAME_EXCHANGE) !== 0;
  if (old !== null && (flags & RENAME_NOREPLACE) !== 0) throw new VfsError('EEXIST');
  if (old === null && isExchange) throw new VfsError('ENOENT');
  if (isBelowOrSame(newParent, node)) throw new VfsError('EINVAL');
  if (old !== null && isBelowOrSame(parent, old))
    throw new VfsError(isExchange ? 'EINVAL' : 'ENOTEMPTY');
  if (old === null || isExchange || old === node) return;
  if (isDirectory(old) && !isDirectory(node)) throw new VfsError('EISDIR');
  if (!isDirectory(old) && isDirectory(node)) throw new VfsError('ENOTDIR');
}
