import { EDIT } from '../../protocol/constants.ts';
import type { HeldNode } from '../nodes/node-table.ts';
import type { CurrentEntry } from '../provider.ts';
import { type Edit, type EditLog, makeAction, removeAction } from './edit-log.ts';
import type { ChangeKind } from './suspects.ts';

/** A file that lost its name: it was removed, or another name follows that it has got. */
interface Removed {
  readonly directory: HeldNode;
  readonly name: string;
  readonly held: HeldNode | null;
  readonly type: number;
}

/** A name that was made, removed or replaced. */
export interface ChangedName {
  readonly directory: HeldNode;
  /** latin1 */
  readonly name: string;
  /** The node to which the name led before, null if the guest knew none. */
  readonly known: HeldNode | null;
  readonly current: CurrentEntry | null;
  /** The node that has the name now, when the guest holds it. */
  readonly held: HeldNode | null;
  /** True when the guest made the last change of the file that has the name now. */
  readonly isOwn: boolean;
}

/** Turns what changed on the host into edits that the agent repeats. */
export class EditAnnouncer {
  readonly #log: EditLog;
  readonly #send: (message: Buffer) => void;
  #removed: Removed | null = null;

  constructor(log: EditLog, send: (message: Buffer) => void) {
    this.#log = log;
    this.#send = send;
  }

  /** Announces that a name was made, removed or replaced. */
  nameChanged({ directory, name, known, current, held, isOwn }: ChangedName): void {
    if (current === null) {
      if (!this.#log.wasRemoved(directory, name))
        this.#remove({ directory, name, held: known, type: known?.type ?? 0 });
      return;
    }
    this.#log.noteMade(directory, name);
    if (isOwn || this.#takeRename(directory, name, held)) return;
    if (known !== null && known !== held)
      this.#remove({ directory, name, held: known, type: known.type });
    this.flush();
    const action = makeAction(current.type);
    if (action !== null && this.#log.noteNew(directory, name, current))
      this.#announce({ action, directory, name, held: null, to: null });
  }

  /** Announces a rename if the file that has a name now has just lost another one. */
  #takeRename(directory: HeldNode, name: string, held: HeldNode | null): boolean {
    const was = this.#removed;
    if (was === null || was.held === null || was.held !== held) return false;
    this.#removed = null;
    const edit = { directory: was.directory, name: was.name, held };
    this.#announce({ ...edit, action: EDIT.RENAME, to: { directory, name } });
    return true;
  }

  /** Remembers a removed name until the next edit shows whether the file has got another name. */
  #remove(removed: Removed): void {
    this.flush();
    this.#removed = removed;
  }

  /** Announces a removal that no other name followed. */
  flush(): void {
    const removed = this.#removed;
    this.#removed = null;
    if (removed === null) return;
    const { directory, name, held, type } = removed;
    this.#announce({ action: removeAction(type), directory, name, held, to: null });
  }

  /** Announces that a file was written, that its attributes changed, or both. */
  fileChanged(
    file: Pick<Edit, 'directory' | 'name' | 'held'>,
    current: CurrentEntry,
    kinds: ReadonlySet<ChangeKind>,
  ): void {
    const { directory, name } = file;
    const what = this.#log.noteChange(directory, name, current, kinds);
    if (what.isWrite) this.#announce({ ...file, action: EDIT.WRITE, to: null });
    if (what.isOfAttributes) this.#announce({ ...file, action: EDIT.ATTRIBUTES, to: null });
  }

  #announce(edit: Edit): void {
    const message = this.#log.announce(edit);
    if (message !== null) this.#send(message);
  }
}
