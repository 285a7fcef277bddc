import { posix } from 'node:path';
import type { CheckedChange, CheckedOverlay } from './check-changes.ts';
import type { HostTarget } from './host-target.ts';
import { HostWriter } from './host-writer.ts';
import { PutFiles, rightsOf } from './put-files.ts';

/** The changes that were applied, and those that were not. */
export interface ApplyResult {
  readonly applied: readonly CheckedChange[];
  readonly skipped: readonly CheckedChange[];
}

/** True for a change that is left out however it is wished for: it would follow a link, or let guests do more. */
function isNeverApplied({ state }: CheckedChange): boolean {
  return state === 'blocked' || state === 'protected' || state === 'special';
}

/** True for a change that would lose something of the host, or lead out of it. */
export function isConflict({ state }: CheckedChange): boolean {
  return state === 'changed' || state === 'outside' || state === 'blocked';
}

/** True for a change that would lose extended attributes of the guest. */
export function isUnsupported({ state }: CheckedChange): boolean {
  return state === 'unsupported';
}

function depthOf({ change }: CheckedChange): number {
  return change.path.split('/').length;
}

/** Applies changes to the directory of a volume. */
class ChangeApplication {
  readonly #overlay: CheckedOverlay;
  readonly #target: HostTarget;
  readonly #writer: HostWriter;
  readonly #files: PutFiles;
  readonly skipped: CheckedChange[] = [];
  readonly applied: CheckedChange[] = [];

  constructor(overlay: CheckedOverlay, target: HostTarget, writer: HostWriter) {
    this.#overlay = overlay;
    this.#target = target;
    this.#writer = writer;
    this.#files = new PutFiles(overlay, writer);
  }

  async delete(checked: CheckedChange): Promise<void> {
    const { change, host } = checked;
    if (typeof host === 'string') return;
    const isOther = host.kind === 'directory' && change.type !== 'directory';
    const isFull = host.kind === 'directory' && (await this.#target.names(change.path)).length > 0;
    // Files that the guest never saw are in it, or a directory that it never saw.
    if (isOther || isFull) {
      this.skipped.push(checked);
      return;
    }
    await this.#writer.remove(change.path, host);
    this.applied.push(checked);
  }

  async make(checked: CheckedChange): Promise<void> {
    const { change } = checked;
    await this.#makeParents(change.path);
    const host = await this.#target.state(change.path);
    // A file that is to be replaced has been deleted by now; anything else is as it was checked.
    const seen = host === 'missing' ? host : checked.host;
    const isDirectoryThere = typeof host !== 'string' && host.kind === 'directory';
    if (isDirectoryThere && change.type !== 'directory') {
      this.skipped.push(checked);
      return;
    }
    if (change.type === 'directory') await this.#makeDirectory(checked, isDirectoryThere);
    else if (change.target !== null) await this.#writer.putLink(change.path, seen, change.target);
    else if (change.blob !== null) await this.#files.put(checked, change.blob, seen);
    this.applied.push(checked);
  }

  async #makeDirectory({ change, host }: CheckedChange, isThere: boolean): Promise<void> {
    if (isThere) return;
    if (typeof host !== 'string' && host.kind !== 'directory') {
      // Only `--force` comes here: the host has a file where the guest has a directory.
      const now = await this.#target.state(change.path);
      if (typeof now !== 'string') await this.#writer.remove(change.path, now);
    }
    await this.#writer.makeDirectory(change.path);
  }

  /** Gives the directories that were made or changed their modes and attributes. Last: a directory may forbid what is made in it. */
  async finishDirectories(): Promise<void> {
    const directories = this.applied.filter(
      ({ change }) => change.type === 'directory' && change.kind !== 'deleted',
    );
    for (const checked of directories.toReversed()) {
      const rights = rightsOf(this.#overlay, checked);
      await this.#writer.setDirectoryRights(checked.change.path, rights);
    }
  }

  /** Directories that the host has deleted since. */
  async #makeParents(path: string): Promise<void> {
    const parent = posix.dirname(path);
    if (parent === '.' || (await this.#target.state(parent)) !== 'missing') return;
    await this.#makeParents(parent);
    await this.#writer.makeDirectory(parent);
  }
}

/**
 * Makes the host directory what the guest made of it. Of a change that is a conflict the caller has decided; directories that contain what
 * the guest never saw stay.
 * @throws {GondolinError} PROJECT_OVERLAY_CONFLICT when the host changes a file meanwhile, FILES_COPY_FAILED; what was applied before stays.
 */
export async function applyChanges(
  overlay: CheckedOverlay,
  target: HostTarget,
  writer = new HostWriter(target),
): Promise<ApplyResult> {
  const { changes } = overlay;
  const wanted = changes.filter((one) => !isNeverApplied(one) && one.state !== 'applied');
  const application = new ChangeApplication(overlay, target, writer);
  const deletions = wanted.filter(({ change }) => change.kind === 'deleted');
  const made = wanted.filter(({ change }) => change.kind !== 'deleted');
  // Delete the contents of a directory before the directory.
  for (const one of deletions.toSorted((a, b) => depthOf(b) - depthOf(a))) {
    await application.delete(one);
  }
  for (const one of made.toSorted((a, b) => depthOf(a) - depthOf(b))) await application.make(one);
  await application.finishDirectories();
  const never = changes.filter(isNeverApplied);
  return { applied: application.applied, skipped: [...application.skipped, ...never] };
}
