import { GondolinError } from '../errors/gondolin-error.ts';
import { RENAME_EXCHANGE, S_IFDIR } from './file-mode.ts';
import { entryBatches } from './listing/entry-batches.ts';
import type {
  Caller,
  ChangeSource,
  DirectoryEntry,
  MaybePromise,
  NewNode,
  NodePlace,
  VfsHandle,
  VfsNode,
  VfsProvider,
} from './provider.ts';
import { HiddenPaths } from './shadow/hidden-paths.ts';
import { VfsError } from './vfs-error.ts';
import { VirtualProvider } from './virtual-provider.ts';

/**
 * Decides whether a path is hidden. `path` starts at the top of the mount, with a slash: `/config/.env`.
 *
 * @example
 * const shouldShadow: ShadowPredicate = ({ path }) => path.endsWith('.key');
 * const files = new ShadowProvider(new RealFSProvider('.'), { shouldShadow });
 */
export type ShadowPredicate = (place: { readonly path: string }) => boolean;

/**
 * Options of {@link ShadowProvider}.
 *
 * @example
 * const options: ShadowOptions = { shouldShadow: createShadowPathPredicate(['.env', '.git/config']) };
 * const files = new ShadowProvider(new RealFSProvider('.'), options);
 */
export interface ShadowOptions {
  /** Called with each name that the guest uses or that a directory lists. */
  readonly shouldShadow: ShadowPredicate;
  /** `deny`: a hidden name cannot be made (EACCES). @default 'deny' */
  readonly writeMode?: 'deny';
}

/** The patterns of predicates that `createShadowPathPredicate` made. */
const PATTERNS = new WeakMap<
  ShadowPredicate,
  { readonly texts: readonly string[]; readonly hidden: HiddenPaths }
>();
const MAX_DEPTH = 4096;

/**
 * Returns a predicate for {@link ShadowProvider} from patterns as in `.gitignore`: `.env` is a name at any depth, `config/key` a place in
 * the mount; `*`, `?` and `**` as usual. Upper and lower case are equal.
 * @throws {GondolinError} VM_BAD_OPTION
 *
 * @example
 * const shouldShadow = createShadowPathPredicate(['.env', '**\/*.pem', '.git/config']);
 * console.log(shouldShadow({ path: '/deep/.ENV' })); // true
 */
export function createShadowPathPredicate(patterns: readonly string[]): ShadowPredicate {
  const hidden = new HiddenPaths(patterns);
  const predicate: ShadowPredicate = ({ path }) =>
    hidden.hides(path.split('/').filter((name) => name !== ''));
  PATTERNS.set(predicate, { texts: [...patterns], hidden });
  return predicate;
}

/**
 * Hides paths of another provider: a guest can neither see, read, change nor make them. Directories move only where the same is hidden
 * below them (EPERM; with a predicate of one's own EXDEV, which `mv` answers by copying what it sees).
 *
 * @example
 * const shouldShadow = createShadowPathPredicate(['.env', '.git/config']);
 * const files = new ShadowProvider(new RealFSProvider('.'), { shouldShadow });
 * const vm = await VM.create({ vfs: { mounts: { '/work': files } } });
 */
export class ShadowProvider extends VirtualProvider {
  readonly changes?: ChangeSource;
  readonly #shouldShadow: ShadowPredicate;
  readonly #placeOf: (node: VfsNode) => NodePlace | null;
  #root: VfsNode | null = null;

  /**
   * @param inner  Serves the files; it has `place`, as all providers of this package.
   * @throws {GondolinError} VM_BAD_OPTION
   */
  constructor(inner: VfsProvider, { shouldShadow }: ShadowOptions) {
    super(inner);
    if (inner.place === undefined) {
      throw new GondolinError(
        'VM_BAD_OPTION',
        'ShadowProvider: the provider has no `place`, by which paths are known',
      );
    }
    this.#placeOf = inner.place.bind(inner);
    this.#shouldShadow = shouldShadow;
    if (inner.changes !== undefined) this.changes = this.#visibleChanges(inner.changes);
  }

  /** @internal What it is made of; `hide` has the patterns, null when the predicate is a program's own. */
  get parts(): {
    readonly inner: VfsProvider;
    readonly shouldShadow: ShadowPredicate;
    readonly hide: readonly string[] | null;
  } {
    const shouldShadow = this.#shouldShadow;
    return { inner: this.inner, shouldShadow, hide: PATTERNS.get(shouldShadow)?.texts ?? null };
  }

  /** The guest is not told of hidden names, not even that they change. */
  #visibleChanges(source: ChangeSource): ChangeSource {
    return {
      listen: (onChange) =>
        source.listen((change) => {
          const isHidden =
            change !== null &&
            change.name !== null &&
            this.#isHidden(change.directory, change.name);
          if (!isHidden) onChange(change);
        }),
      covers: (directory) => source.covers(directory),
      current: (directory, name) =>
        this.#isHidden(directory, name) ? null : source.current(directory, name),
    };
  }

  override start(user: Caller): MaybePromise<VfsNode> {
    const root = super.start(user);
    if (root instanceof Promise) return root.then((node) => this.#startAt(node));
    return this.#startAt(root);
  }

  #startAt(root: VfsNode): VfsNode {
    this.#root = root;
    return root;
  }

  /** Names from the top; null for a directory that has lost its name. */
  #pathOf(directory: VfsNode): string[] | null {
    const names: string[] = [];
    for (let node = directory; node !== this.#root; ) {
      const place = this.#placeOf(node);
      if (place === null || names.length === MAX_DEPTH) return null;
      names.push(toText(place.name));
      node = place.parent;
    }
    return names.reverse();
  }

  #isHidden(parent: VfsNode, name: string): boolean {
    const path = this.#pathOf(parent);
    // Nothing can be found or made in a directory without a name.
    return path !== null && this.#shouldShadow({ path: `/${[...path, toText(name)].join('/')}` });
  }

  #assertVisible(parent: VfsNode, name: string): void {
    if (this.#isHidden(parent, name)) throw new VfsError('ENOENT');
  }

  #assertFree(parent: VfsNode, name: string): void {
    if (this.#isHidden(parent, name)) throw new VfsError('EACCES');
  }

  override lookup(parent: VfsNode, name: string): MaybePromise<VfsNode> {
    this.#assertVisible(parent, name);
    return super.lookup(parent, name);
  }

  override entries(
    node: VfsNode,
  ): MaybePromise<readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>> {
    const visible = (batch: readonly DirectoryEntry[]) =>
      batch.filter(({ name }) => name === '..' || !this.#isHidden(node, name));
    const filter = (
      listed: readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>,
    ) => (isBatch(listed) ? visible(listed) : filterBatches(listed, visible));
    const listed = super.entries(node);
    return listed instanceof Promise ? listed.then(filter) : filter(listed);
  }

  override create(
    parent: VfsNode,
    name: string,
    file: NewNode & { readonly flags: number },
    caller: Caller,
  ): MaybePromise<{ readonly node: VfsNode; readonly handle: VfsHandle }> {
    this.#assertFree(parent, name);
    return super.create(parent, name, file, caller);
  }

  override makeNode(
    parent: VfsNode,
    name: string,
    node: NewNode,
    caller: Caller,
  ): MaybePromise<VfsNode> {
    this.#assertFree(parent, name);
    return super.makeNode(parent, name, node, caller);
  }

  override makeDirectory(
    parent: VfsNode,
    name: string,
    mode: number,
    caller: Caller,
  ): MaybePromise<VfsNode> {
    this.#assertFree(parent, name);
    return super.makeDirectory(parent, name, mode, caller);
  }

  override makeSymlink(
    parent: VfsNode,
    name: string,
    target: Buffer,
    caller: Caller,
  ): MaybePromise<VfsNode> {
    this.#assertFree(parent, name);
    return super.makeSymlink(parent, name, target, caller);
  }

  override link(node: VfsNode, parent: VfsNode, name: string): MaybePromise<void> {
    this.#assertFree(parent, name);
    return super.link(node, parent, name);
  }

  override unlink(parent: VfsNode, name: string): MaybePromise<void> {
    this.#assertVisible(parent, name);
    return super.unlink(parent, name);
  }

  override removeDirectory(parent: VfsNode, name: string): MaybePromise<void> {
    this.#assertVisible(parent, name);
    return super.removeDirectory(parent, name);
  }

  override async rename(
    parent: VfsNode,
    name: string,
    newParent: VfsNode,
    newName: string,
    flags: number,
  ): Promise<void> {
    this.#assertVisible(parent, name);
    this.#assertFree(newParent, newName);
    await this.#assertMovable(parent, name, newParent, newName);
    if ((flags & RENAME_EXCHANGE) !== 0) {
      await this.#assertMovable(newParent, newName, parent, name);
    }
    await super.rename(parent, name, newParent, newName, flags);
  }

  /** A directory under another name would show what only its old path hid. */
  async #assertMovable(
    parent: VfsNode,
    name: string,
    newParent: VfsNode,
    newName: string,
  ): Promise<void> {
    const [from, to] = [this.#pathOf(parent), this.#pathOf(newParent)];
    if (from === null || to === null) throw new VfsError('ENOENT');
    const patterns = PATTERNS.get(this.#shouldShadow)?.hidden;
    if (patterns !== undefined) {
      const after = patterns.residue([...to, toText(newName)]);
      const before = patterns.residue([...from, toText(name)]);
      if ([...before].every((state) => after.has(state))) return;
    }
    if (!(await this.#isDirectory(parent, name))) return;
    throw new VfsError(patterns === undefined ? 'EXDEV' : 'EPERM');
  }

  /** Whether a name is that of a directory, from the listing: a lookup would give out a node that nobody forgets. */
  async #isDirectory(parent: VfsNode, name: string): Promise<boolean> {
    for await (const batch of entryBatches(await super.entries(parent))) {
      const found = batch.find((entry) => entry.name === name);
      if (found !== undefined) return found.type === S_IFDIR;
    }
    return false;
  }
}

function toText(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

function isBatch(
  listed: readonly DirectoryEntry[] | AsyncIterable<readonly DirectoryEntry[]>,
): listed is readonly DirectoryEntry[] {
  return Array.isArray(listed);
}

async function* filterBatches(
  batches: AsyncIterable<readonly DirectoryEntry[]>,
  visible: (batch: readonly DirectoryEntry[]) => DirectoryEntry[],
): AsyncGenerator<DirectoryEntry[], void> {
  for await (const batch of batches) yield visible(batch);
}
