import { statSync } from 'node:fs';
import { VfsError } from '../vfs-error.ts';
import { isProtectedFile } from './nodes/guard.ts';
import { identityKey, type RealNode } from './nodes/real-node.ts';

/** A handle that was opened before its file became a protected one writes no longer than this. */
const MAX_AGE_MS = 50;

/** Identity of the file that a path leads to now; null when there is none. */
function identityAt(path: string): string | null {
  try {
    const { dev, ino, birthtimeNs } = statSync(path, { bigint: true });
    return identityKey({ dev, ino, birthNs: birthtimeNs });
  } catch {
    // Not there (yet), or not to be reached by this user: its name is guarded all the same.
    return null;
  }
}

/**
 * Says which files and names of a mount may not change. A protected file is known by its guarded name, and by what it
 * is: the host may have given it other names, in this mount or in another one, and may replace it at any time.
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
   * For each write to an open file: what is protected is looked up at most every 50 ms.
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
