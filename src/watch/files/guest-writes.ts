import { type BigIntStats, lstatSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hostPathOf } from '../../plan/host-path-of.ts';
import type { MountPlan, SandboxPlan } from '../../plan/plan.ts';
import { O_TRUNC } from '../../vfs/file-mode.ts';
import type { VfsHookContext } from '../../vfs/hooks/vfs-hooks.ts';
import { writeStamp } from './file-digest.ts';

/** The oldest are forgotten first: what they wrote would then count as a change of the host. */
const MAX_REMEMBERED = 100_000;
const GONE = 'gone';
/** Time from a guest's change on the disk until it is noted. */
const NOTED_WITHIN_MS = 50;

const CHANGING: ReadonlySet<VfsHookContext['op']> = new Set([
  ...(['create', 'write', 'truncate', 'fallocate', 'mknod', 'symlink'] as const),
  ...(['link', 'unlink', 'rename', 'chmod', 'chown', 'utimes'] as const),
]);

function stampOf(stat: BigIntStats | null): string {
  return stat === null ? GONE : writeStamp(stat);
}

function stat(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    // Gone, or not to be seen: then nothing can be compared with it either.
    return null;
  }
}

/**
 * Remembers what guests wrote to the host's files: each file's size, time of change and inode right after the guest's last change of it. As long
 * as a file has these, the guest was the last to write it.
 */
export class GuestWrites {
  readonly #stamps = new Map<string, string>();
  /** Written, and not closed since. */
  readonly #unreleased = new Set<string>();
  readonly #mounts = new Map<string, readonly MountPlan[]>();

  /** Sets the sandboxes whose volumes are translated to paths of the host. */
  setSandboxes(sandboxes: readonly SandboxPlan[]): void {
    this.#mounts.clear();
    for (const { name, vm } of sandboxes) this.#mounts.set(name, vm.mounts);
  }

  /** Takes note of an operation of a guest. */
  note(sandbox: string, operation: VfsHookContext): void {
    const { op, path, oldPath, newPath, flags = 0 } = operation;
    const isRelease = op === 'release';
    const isChange = CHANGING.has(op) || (op === 'open' && (flags & O_TRUNC) !== 0);
    if (!isChange && !isRelease) return;
    for (const name of new Set([path, oldPath ?? path, newPath ?? path])) {
      const host = hostPathOf(this.#mounts.get(sandbox) ?? [], name);
      // A program that has only read the file changed nothing: what is there now may be a save of the host.
      if (host === null || (isRelease && !this.#unreleased.delete(host))) continue;
      if (isChange) this.#unreleased.add(host);
      this.#remember(host);
    }
  }

  #remember(path: string): void {
    this.#stamps.delete(path);
    this.#stamps.set(path, stampOf(stat(path)));
    if (this.#stamps.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#stamps.keys();
    if (oldest === undefined) return;
    this.#stamps.delete(oldest);
    this.#unreleased.delete(oldest);
  }

  /** Resolves with true when a guest was the last to change what is at a path now. */
  async isOwn(path: string): Promise<boolean> {
    // Both at the same moment: what was read a moment ago may have been in the middle of a guest's change.
    if (this.#isLastWritten(path)) return true;
    if (!this.#stamps.has(path)) return false;
    // A large write is on the disk before it is noted.
    await delay(NOTED_WITHIN_MS);
    return this.#isLastWritten(path);
  }

  #isLastWritten(path: string): boolean {
    return this.#stamps.get(path) === stampOf(stat(path));
  }
}
