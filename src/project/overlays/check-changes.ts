import { realpath } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import {
  type AttributeSet,
  isSameSet,
  permissionsOnHost,
} from '../../vfs/real/attributes/attribute-set.ts';
import type { HostFile, HostState, HostTarget } from './host-target.ts';
import { keptAttributesOf } from './kept-attributes.ts';
import { blobPath, type KeptChange, type KeptOverlay } from './kept-overlay.ts';

/**
 * The state of a change beside what the host has now. `pending`: it can be applied. `applied`: the host has it already. `changed`: the host changed the path
 * since the guest did. `blocked`: a symbolic link or file of the host is in its way. `outside`: it is a symbolic link that leads out of the
 * volume. `unsupported`: the guest gave it extended attributes, which its file system on the host does not have. `protected`: the file
 * decides what guests may do, or what the host's git runs. `special`: a socket, FIFO or device.
 */
export type ChangeState =
  | 'pending'
  | 'applied'
  | 'changed'
  | 'blocked'
  | 'outside'
  | 'unsupported'
  | 'protected'
  | 'special';

/** A change with what the host has at its path. */
export interface CheckedChange {
  readonly change: KeptChange;
  readonly state: ChangeState;
  readonly host: HostState;
}

/** The kept changes of one volume, and where their contents are. */
export interface CheckedOverlay {
  readonly overlay: KeptOverlay;
  readonly directory: string;
  readonly changes: readonly CheckedChange[];
}

/** Files that make git run programs: its hooks, and settings such as `core.fsmonitor`. A `.git` that is a file leads to others. */
const GIT_PROGRAMS =
  /(?:^|\/)\.git(?:\/(?:(?:modules|worktrees)\/.+\/)?(?:hooks|hooks\/.+|config|config\.worktree))?$/;

/** True for a change that the host's git would run. */
function isGitProgram({ path, type, kind }: KeptChange): boolean {
  return kind !== 'deleted' && type !== 'directory' && GIT_PROGRAMS.test(path);
}

/** Returns the real path of a file that may be missing, in a directory that may be missing too. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPlace(parent), basename(path));
  }
}

/** True for a link whose text leads out of the volume. */
function leadsOutside({ path, target }: KeptChange): boolean {
  if (target === null) return false;
  if (target.startsWith('/')) return true;
  return posix.join(posix.dirname(path), target).split('/')[0] === '..';
}

/**
 * True when the file or directory of the host has other extended attributes than those of the guest.
 * @param attributes  Null in a volume without any: then it never has.
 */
export async function hasOtherAttributes(
  target: HostTarget,
  { path }: KeptChange,
  attributes: AttributeSet | null,
): Promise<boolean> {
  return attributes !== null && !isSameSet(await target.attributes(path), attributes);
}

/** Compares the changes of one volume with the host. */
class OverlayCheck {
  readonly #overlay: KeptOverlay;
  readonly #directory: string;
  readonly #target: HostTarget;
  readonly #protected: ReadonlySet<string>;
  readonly #top: string;
  readonly #deleted: ReadonlySet<string>;
  readonly #added: ReadonlyMap<string, KeptChange>;
  readonly #compared = new Map<string, boolean>();

  constructor(
    overlay: KeptOverlay,
    directory: string,
    target: HostTarget,
    { top, protectedPaths }: { readonly top: string; readonly protectedPaths: ReadonlySet<string> },
  ) {
    this.#overlay = overlay;
    this.#directory = directory;
    this.#target = target;
    this.#protected = protectedPaths;
    this.#top = top;
    const of = (kind: KeptChange['kind']) =>
      overlay.changes.filter((change) => change.kind === kind);
    this.#deleted = new Set(of('deleted').map(({ path }) => path));
    this.#added = new Map(of('added').map((change) => [change.path, change]));
  }

  async run(): Promise<CheckedChange[]> {
    const checked: CheckedChange[] = [];
    for (const change of this.#overlay.changes) checked.push(await this.#check(change));
    return checked;
  }

  async #check(change: KeptChange): Promise<CheckedChange> {
    const found = await this.#target.state(change.path);
    const host = found === 'blocked' && this.#isReplaced(change.path) ? 'missing' : found;
    const path = join(this.#top, Buffer.from(change.path, 'latin1').toString());
    if (this.#protected.has(path) || isGitProgram(change)) {
      return { change, host, state: 'protected' };
    }
    if (host === 'blocked') return { change, host, state: 'blocked' };
    if (change.kind === 'deleted') {
      return { change, host, state: await this.#deletion(change, host) };
    }
    if (change.type === 'special') return { change, host, state: 'special' };
    if (await this.#isThere(change, host)) return { change, host, state: 'applied' };
    if (leadsOutside(change)) return { change, host, state: 'outside' };
    if (!(await this.#isFree(change, host))) return { change, host, state: 'changed' };
    const isSupported = await this.#canHaveAttributes(change);
    return { change, host, state: isSupported ? 'pending' : 'unsupported' };
  }

  /** True when the guest deleted a file or link that is where this path has a directory. */
  #isReplaced(path: string): boolean {
    const names = path.split('/');
    return names.some((_, at) => this.#deleted.has(names.slice(0, at).join('/')));
  }

  async #deletion(change: KeptChange, host: Exclude<HostState, 'blocked'>): Promise<ChangeState> {
    if (host === 'missing') return 'applied';
    const replacement = this.#added.get(change.path);
    if (replacement !== undefined && (await this.#isThere(replacement, host))) return 'applied';
    if (host.kind !== 'directory') {
      return change.isStale || host.stamp !== change.base ? 'changed' : 'pending';
    }
    if (change.type !== 'directory') return 'changed';
    const names = await this.#target.names(change.path);
    const isKnown = names.every((name) => this.#deleted.has(`${change.path}/${name}`));
    return isKnown ? 'pending' : 'changed';
  }

  /** True when the host has what the change would make. */
  async #isThere(change: KeptChange, host: Exclude<HostState, 'blocked'>): Promise<boolean> {
    if (host === 'missing' || host.kind !== change.type) return false;
    if (change.type === 'symlink') {
      return (await this.#target.linkTarget(change.path)) === change.target;
    }
    const attributes = keptAttributesOf(this.#overlay, change);
    if (host.mode !== permissionsOnHost(change.mode, attributes ?? new Map())) return false;
    if (await hasOtherAttributes(this.#target, change, attributes)) return false;
    if (change.type === 'directory') return true;
    return this.#hasContent(change, host);
  }

  /** Names of one file that lead to one file of the host are compared once. */
  async #hasContent({ path, blob, sizeBytes }: KeptChange, host: HostFile): Promise<boolean> {
    if (host.sizeBytes !== sizeBytes || blob === null) return false;
    const key = `${blob}:${host.stamp}`;
    const known = this.#compared.get(key);
    if (known !== undefined) return known;
    const isSame = await this.#target.hasContent(path, blobPath(this.#directory, blob));
    this.#compared.set(key, isSame);
    return isSame;
  }

  async #canHaveAttributes(change: KeptChange): Promise<boolean> {
    const attributes = keptAttributesOf(this.#overlay, change);
    return (
      attributes === null || attributes.size === 0 || this.#target.keepsAttributes(change.path)
    );
  }

  /** True when nothing of the host would be lost. */
  async #isFree(change: KeptChange, host: Exclude<HostState, 'blocked'>): Promise<boolean> {
    if (change.kind === 'modified') {
      if (host === 'missing') return false;
      return !change.isStale && host.stamp === change.base;
    }
    const parent = posix.dirname(change.path);
    const isParentKnown = parent === '.' || this.#added.has(parent);
    if (!isParentKnown && (await this.#target.state(parent)) === 'missing') return false;
    return host === 'missing' || this.#deleted.has(change.path);
  }
}

/**
 * Compares the kept changes of a volume with what the host has now.
 * @param authorityFiles  Files that no guest may change, absolute.
 */
export async function checkChanges(
  overlay: KeptOverlay,
  directory: string,
  target: HostTarget,
  authorityFiles: readonly string[],
): Promise<CheckedOverlay> {
  const protectedPaths = new Set(await Promise.all(authorityFiles.map(realPlace)));
  const top = await realPlace(overlay.hostPath);
  const check = new OverlayCheck(overlay, directory, target, { top, protectedPaths });
  return { overlay, directory, changes: await check.run() };
}
