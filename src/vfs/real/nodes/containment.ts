import { readlinkSync } from 'node:fs';
import { descriptorPath } from '../../../host/libc.ts';
import type { RealNode } from './real-node.ts';

/** As long as the guest uses names without asking: a directory that the host moves away is noticed as soon as a rename. */
const MAX_AGE_MS = 1_000;
const DELETED = ' (deleted)';

function readPath(fd: number): string {
  return readlinkSync(descriptorPath(fd), 'latin1');
}

/**
 * Checks that cached descriptors still lead below a mount's root, since a descriptor stays with its directory when the host
 * moves it elsewhere. The kernel knows the current path of each (proc(5), /proc/PID/fd).
 */
export class Containment {
  #rootPath = '';
  #rootReadAtMs = Number.NEGATIVE_INFINITY;

  /** Checks a node at most once a second. @param rootFd  O_PATH descriptor of the mount's root. */
  isInside(node: RealNode, rootFd: number): boolean {
    // A file that the guest has open stays open, as everywhere on Linux.
    if (node.parent === null || (node.handles?.size ?? 0) > 0) return true;
    const nowMs = performance.now();
    if (nowMs - node.seenAtMs < MAX_AGE_MS) return true;
    if (!this.#isBelow(node.fd, rootFd, nowMs)) return false;
    node.seenAtMs = nowMs;
    return true;
  }

  #isBelow(fd: number, rootFd: number, nowMs: number): boolean {
    try {
      if (nowMs - this.#rootReadAtMs >= MAX_AGE_MS) {
        const path = readPath(rootFd);
        const named = path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
        this.#rootPath = named === '/' ? '' : named;
        this.#rootReadAtMs = nowMs;
      }
      return readPath(fd).startsWith(`${this.#rootPath}/`);
    } catch {
      // ENAMETOOLONG: too deep for a path. The caller finds it name by name.
      return false;
    }
  }
}
