import type { HeldNode, NodeTable } from '../nodes/node-table.ts';
import type { GuestView } from './guest-view.ts';
import { encodeWhole } from './notification.ts';

/** A directory of which the agent knows every name, with the names that the guest has made or tried to make in it. */
interface WholeDirectory {
  readonly directory: HeldNode;
  /** latin1. The agent knows these too: it sees each request before the host does. */
  readonly names: Set<string>;
}

/** As many as the agent keeps (guest/src/file/absent_names.c). */
const MAX_DIRECTORIES = 1_024;
const MAX_NAMES = 16_384;

export interface WholeDirectoriesOptions {
  readonly ids: NodeTable;
  readonly view: GuestView;
  readonly send: (message: Buffer) => void;
  /** Both may be smaller in tests. */
  readonly maxDirectories?: number;
  readonly maxNames?: number;
}

/**
 * Directories that the guest has made, in which nobody else has made a name since: the agent replies to lookups of missing names in them.
 * A name that is reported and that the guest did not make ends that, and so does everything that leaves a doubt.
 */
export class WholeDirectories {
  readonly #options: WholeDirectoriesOptions;
  /** By inode number, which a directory has in each mount that shows it. In the order in which they were made. */
  readonly #byIno = new Map<bigint, WholeDirectory>();
  #nameCount = 0;

  constructor(options: WholeDirectoriesOptions) {
    this.#options = options;
  }

  /** Tells the agent of a directory that the guest has just made, if it is empty and watched. Call before the reply. */
  made(directory: HeldNode): void {
    const { changes } = directory.mount.provider;
    const former = this.#byIno.get(directory.ino);
    if (former !== undefined) this.#end(former);
    // In this order: a name that is made after the look is reported.
    if (!this.#options.view.watches(directory) || changes?.isEmpty?.(directory.node) !== true)
      return;
    this.#makeRoom();
    this.#byIno.set(directory.ino, { directory, names: new Set() });
    this.#options.send(encodeWhole(directory.id, true));
  }

  /** Whether {@link making} wants to know of names in this directory. */
  concerns(directory: HeldNode): boolean {
    return this.#byIno.has(directory.ino);
  }

  /** Notes that the guest is about to make a name. */
  making(directory: HeldNode, name: string): void {
    const whole = this.#byIno.get(directory.ino);
    if (whole === undefined || whole.names.has(name)) return;
    // It is made in another mount that shows the same directory.
    if (whole.directory !== directory) this.#end(whole);
    // A name that does not fit counts as somebody else's once it is reported.
    else if (this.#nameCount < (this.#options.maxNames ?? MAX_NAMES)) {
      whole.names.add(name);
      this.#nameCount += 1;
    }
  }

  /** Receives a name that was made, removed or replaced. */
  nameChanged(directory: HeldNode, name: string): void {
    const whole = this.#byIno.get(directory.ino);
    if (whole?.directory === directory && !whole.names.has(name)) this.#end(whole);
  }

  /** Ends what the agent knows of a directory, since somebody may have made names that are not reported. */
  doubt(directory: HeldNode): void {
    const whole = this.#byIno.get(directory.ino);
    if (whole?.directory === directory) this.#end(whole);
  }

  #end(whole: WholeDirectory): void {
    this.#drop(whole);
    this.#options.send(encodeWhole(whole.directory.id, false));
  }

  #drop({ directory, names }: WholeDirectory): void {
    this.#byIno.delete(directory.ino);
    this.#nameCount -= names.size;
  }

  #makeRoom(): void {
    const { ids, maxDirectories = MAX_DIRECTORIES, maxNames = MAX_NAMES } = this.#options;
    const isFull = () => this.#byIno.size >= maxDirectories || this.#nameCount >= maxNames;
    if (!isFull()) return;
    // The agent has forgotten these by itself.
    for (const whole of this.#byIno.values())
      if (ids.find(whole.directory.id) !== whole.directory) this.#drop(whole);
    for (const whole of this.#byIno.values()) {
      if (!isFull()) return;
      this.#end(whole);
    }
  }
}
