import { readlinkSync } from 'node:fs';
import { descriptorPath } from '../../../host/libc.ts';
import type { RealNode } from './real-node.ts';

/** As long as the guest trusts names: a host that moves a directory away is noticed no later than a change of names. */
const MAX_AGE_MS = 1_000;
const DELETED = ' (deleted)';

function pathOf(fd: number): string {
  return readlinkSync(descriptorPath(fd), 'latin1');
}

/**
 * Tells whether held descriptors still lead below a mount's root: a descriptor stays with its directory when the host
 * moves it elsewhere. The kernel knows the present path of each (proc(5), /proc/PID/fd).
 */
export class Containment {
  #rootPath = '';
  #rootReadAtMs = Number.NEGATIVE_INFINITY;

  /** Looks at most once a second for each node. @param rootFd  O_PATH descriptor of the mount's root. */
  isInside(node: RealNode, rootFd: number): boolean {
    // What the guest has open stays open, as everywhere on Linux.
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
        const path = pathOf(rootFd);
        const named = path.endsWith(DELETED) ? path.slice(0, -DELETED.length) : path;
        this.#rootPath = named === '/' ? '' : named;
        this.#rootReadAtMs = nowMs;
      }
      return pathOf(fd).startsWith(`${this.#rootPath}/`);
    } catch {
      // ENAMETOOLONG: too deep for a path. The caller looks for it name by name.
      return false;
    }
  }
}
