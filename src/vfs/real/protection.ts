import { VfsError } from '../vfs-error.ts';
import { isProtectedFile } from './guard.ts';
import type { RealNode } from './real-node.ts';

/** Says which files and names of a mount may not change. */
export class Protection {
  readonly #keys = new Set<string>();

  /** A protected file is known by its inode from now on, whatever its name (hard links). */
  note(node: RealNode): void {
    if (isProtectedFile(node.guard)) this.#keys.add(node.key);
  }

  /** @throws {VfsError} EPERM */
  assertWritable(node: RealNode): void {
    if (this.#keys.has(node.key) || isProtectedFile(node.guard)) throw new VfsError('EPERM');
  }

  /** @throws {VfsError} EPERM when the name leads to a protected file. */
  assertNameFree(parent: RealNode, name: string): void {
    if (parent.guard?.children.has(name) === true) throw new VfsError('EPERM');
  }
}
