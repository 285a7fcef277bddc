import { statSync } from 'node:fs';
import { VfsError } from '../vfs-error.ts';
import { isProtectedFile } from './nodes/guard.ts';
import { identityKey, type RealNode } from './nodes/real-node.ts';

/** Time for which a handle that was opened before its file became protected may still write. */
const MAX_AGE_MS = 50;

/** Returns the identity of the file that a path leads to now, or null when there is none. */
function identityAt(path: string): string | null {
  try {
    const { dev, ino, birthtimeNs } = statSync(path, { bigint: true });
    return identityKey({ dev, ino, birthNs: birthtimeNs });
  } catch {
    // Missing, or out of reach for this user: its name is guarded all the same.
    return null;
  }
}

/**
 * Refuses changes to protected files and names of a mount. A protected file is recognised by its guarded name and by its
 * inode: the host may have given it other names, in this mount or another one, and may replace it at any time.
 */
export class Protection {
  readonly #paths: readonly string[];
  #identities: ReadonlySet<string> = new Set();
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** @param paths  Absolute host paths. */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** @throws {VfsError} EPERM */
  assertWritable(node: RealNode): void {
    this.#read();
    this.#assert(node);
  }

  /**
   * Checks a write to an open file. Looks the protected files up at most every 50 ms.
   * @throws {VfsError} EPERM
   */
  assertStillWritable(node: RealNode): void {
    if (this.#paths.length === 0) return;
    if (performance.now() - this.#readAtMs > MAX_AGE_MS) this.#read();
    this.#assert(node);
  }

  #read(): void {
    if (this.#paths.length === 0) return;
    this.#identities = new Set(this.#paths.map(identityAt).filter((key) => key !== null));
    this.#readAtMs = performance.now();
  }

  #assert(node: RealNode): void {
    if (isProtectedFile(node.guard) || this.#identities.has(node.identity.key)) {
      throw new VfsError('EPERM');
    }
  }

  /** @throws {VfsError} EPERM when the name leads to a protected file. */
  assertNameFree(parent: RealNode, name: string): void {
    if (parent.guard?.children.has(name) === true) throw new VfsError('EPERM');
  }
}
