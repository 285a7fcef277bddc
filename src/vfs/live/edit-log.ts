import { randomInt } from 'node:crypto';
import { EDIT, MAX_EDIT_PATH_BYTES } from '../../protocol/constants.ts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../file-mode.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { CurrentEntry } from '../provider.ts';
import { encodeEdit } from './notification.ts';
import type { ChangeKind } from './suspects.ts';

/** One edit of the host that the agent may repeat. */
export interface Edit {
  /** One of {@link EDIT}. */
  readonly action: number;
  readonly directory: HeldNode;
  /** latin1 */
  readonly name: string;
  /** The file, when the guest holds it. */
  readonly held: HeldNode | null;
  /** Where it is now, for RENAME. */
  readonly to: { readonly directory: HeldNode; readonly name: string } | null;
}

interface Announced {
  readonly ctimeNs: bigint;
  readonly mtimeNs: bigint | undefined;
  /** A change of attributes was announced with this change time. */
  readonly hasAttributes: boolean;
}

/** The part of a change that was not announced before. */
export interface NewChange {
  readonly isWrite: boolean;
  readonly isOfAttributes: boolean;
}

const MAX_EDITS = 4_096;
const MAX_TOKEN = 0x7fff_ffff;
/** Names that the guest removed and whose events have not come yet. */
const MAX_REMOVED = 8_192;
const MAX_DEPTH = 2_000;

const MAKE: Readonly<Record<number, number>> = {
  [S_IFREG]: EDIT.MAKE_FILE,
  [S_IFDIR]: EDIT.MAKE_DIRECTORY,
  [S_IFLNK]: EDIT.MAKE_LINK,
};

/**
 * The edits of the host that were announced to the agent, by their tokens: the agent's system call that repeats one is answered by
 * this entry, exactly and without doing it again. The oldest are dropped: their repetition fails and no program is notified.
 */
export class EditLog {
  readonly #edits = new Map<number, Edit>();
  readonly #removed = new Set<string>();
  /** The files at their last announcement. */
  readonly #announced = new Map<string, Announced>();

  /** Announces an edit. Returns the message for the agent, or null when the guest has no path to the file. */
  announce(edit: Edit): Buffer | null {
    const path = pathOf(edit.directory, edit.name);
    const newPath = edit.to === null ? '' : pathOf(edit.to.directory, edit.to.name);
    if (path === null || newPath === null) return null;
    const token = randomInt(1, MAX_TOKEN);
    this.#edits.set(token, edit);
    const [oldest] = this.#edits.keys();
    if (this.#edits.size > MAX_EDITS && oldest !== undefined) this.#edits.delete(oldest);
    return encodeEdit({
      ...{ token, action: edit.action, path, newPath },
      ...{ directoryIno: edit.directory.ino, ino: edit.held?.ino ?? 0n },
    });
  }

  /** Returns the edit of a token, or null. */
  find(token: number): Edit | null {
    return this.#edits.get(token) ?? null;
  }

  /** Notes a file that was made. Returns false when it was noted before with this change time. */
  noteNew({ id }: HeldNode, name: string, current: CurrentEntry): boolean {
    const key = `${id}/${name}`;
    if (this.#announced.get(key)?.ctimeNs === current.ctimeNs) return false;
    this.#note(key, current, false);
    return true;
  }

  /** Notes a file that changed, with all that was reported of it, and returns what is new in that. */
  noteChange(
    { id }: HeldNode,
    name: string,
    current: CurrentEntry,
    kinds: ReadonlySet<ChangeKind>,
  ): NewChange {
    const { ctimeNs, mtimeNs } = current;
    const key = `${id}/${name}`;
    const former = this.#announced.get(key);
    // One edit is reported several times, as it is made, written and closed, and the close of one may come with the next.
    const isNew = former?.ctimeNs !== ctimeNs;
    const isWritten = mtimeNs === undefined || former?.mtimeNs !== mtimeNs;
    const isWrite = isNew && (kinds.has('data') || (kinds.has('closed') && isWritten));
    const isOfAttributes = kinds.has('attributes') && (isNew || !former.hasAttributes);
    if (isWrite || isOfAttributes) this.#note(key, current, isOfAttributes);
    return { isWrite, isOfAttributes };
  }

  #note(key: string, { ctimeNs, mtimeNs }: CurrentEntry, hasAttributes: boolean): void {
    this.#announced.delete(key);
    this.#announced.set(key, { ctimeNs, mtimeNs, hasAttributes });
    const [oldest] = this.#announced.keys();
    if (this.#announced.size > MAX_EDITS && oldest !== undefined) this.#announced.delete(oldest);
  }

  /** Notes that the guest removed a name: the event that follows is its own. */
  noteRemoved({ id }: HeldNode, name: string): void {
    const [oldest] = this.#removed;
    if (this.#removed.size >= MAX_REMOVED && oldest !== undefined) this.#removed.delete(oldest);
    this.#removed.add(`${id}/${name}`);
  }

  /** Returns true for a name that the guest removed and that nobody has made since. Several events may be about it. */
  wasRemoved({ id }: HeldNode, name: string): boolean {
    return this.#removed.has(`${id}/${name}`);
  }

  /** Notes that a name exists. */
  noteMade({ id }: HeldNode, name: string): void {
    this.#removed.delete(`${id}/${name}`);
  }
}

/** Returns the action that makes a file of this type, or null when the guest has no such system call. */
export function makeAction(type: number): number | null {
  return MAKE[type] ?? null;
}

export function removeAction(type: number): number {
  return type === S_IFDIR ? EDIT.REMOVE_DIRECTORY : EDIT.REMOVE_FILE;
}

/** Returns the path below the FUSE root, latin1; null when the guest knows none, or none that is short enough. */
function pathOf(directory: HeldNode, name: string): string | null {
  const names = [name];
  let at = directory;
  for (let depth = 0; at.node !== at.mount.root; depth++) {
    if (at.place === null || depth > MAX_DEPTH) return null;
    names.push(at.place.name);
    at = at.place.directory;
  }
  const path = [at.mount.name, ...names.reverse()].join('/');
  return path.length <= MAX_EDIT_PATH_BYTES ? path : null;
}
