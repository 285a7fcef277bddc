import { splitEntryPath } from '../oci/layer/entry-path.ts';
import type { LayerEntry } from '../oci/layer/layer-entry.ts';
import { entryRefused, shownName } from '../oci/layer/layer-error.ts';
import { LayerTree } from '../oci/layer/layer-tree.ts';
import { alpineError } from './alpine-error.ts';
import { directoryPrecedence, filePrecedence } from './file-precedence.ts';
import { type OwnerNames, resolveOwner } from './owner-names.ts';
import type { DataEntry, PackageData } from './package-data.ts';
import type { PackageFile } from './package-file.ts';

/** A package whose data part was read. */
export interface ReadPackage {
  readonly file: PackageFile;
  readonly data: PackageData;
}

/** An entry that a package has in the tree, by its path without a slash at the start; the root is empty. */
export interface InstalledEntry {
  readonly path: string;
  readonly entry: DataEntry;
}

/** Files whose owner only a script of the package creates. */
export interface UnknownOwner {
  readonly path: string;
  readonly user: string;
  readonly group: string;
  readonly mode: number;
}

/** A package in the tree. */
export interface InstalledPackage {
  readonly file: PackageFile;
  /** In the order of the archive, without those that another package has instead. */
  readonly entries: ReadonlyMap<string, InstalledEntry>;
  readonly unknownOwners: readonly UnknownOwner[];
}

interface Place {
  /** Number of the package. */
  readonly owner: number;
  readonly type: LayerEntry['type'];
}

/** Puts packages into one tree, each over the ones before it, as apk installs them. */
export class PackageMerge {
  readonly tree = new LayerTree();
  readonly #packages: readonly ReadPackage[];
  readonly #names: OwnerNames;
  readonly #places = new Map<string, Place>();
  readonly #installed: { entries: Map<string, InstalledEntry>; unknownOwners: UnknownOwner[] }[];

  constructor(packages: readonly ReadPackage[], names: OwnerNames) {
    this.#packages = packages;
    this.#names = names;
    this.#installed = packages.map(() => ({ entries: new Map(), unknownOwners: [] }));
  }

  /**
   * @returns the packages in their order.
   * @throws {GondolinError} IMAGE_LAYER_INVALID naming the entry, IMAGE_PACKAGES_CONFLICT for a file of two packages.
   */
  run(): InstalledPackage[] {
    for (const [number, { data }] of this.#packages.entries()) {
      for (const entry of data.entries) this.#apply(entry, number);
    }
    return this.#packages.map(({ file }, number) => ({
      file,
      entries: this.#installed[number]?.entries ?? new Map(),
      unknownOwners: this.#installed[number]?.unknownOwners ?? [],
    }));
  }

  #apply(raw: DataEntry, number: number): void {
    // apk leaves them out as well: in the root they are its own.
    if (/^(?:\.\/)?\.[^/]/.test(raw.name)) return;
    const path = checkedPath(raw);
    const owner = resolveOwner(raw, this.#names);
    const entry = { ...raw, uid: owner.uid, gid: owner.gid };
    const own = this.#installed[number];
    if (own === undefined || !this.#claim(path, entry, number)) return;
    own.entries.set(path, { path, entry });
    const { unknownUser: user, unknownGroup: group } = owner;
    if (user !== '' || group !== '') {
      own.unknownOwners.push({ path, user, group, mode: entry.mode });
    }
  }

  /** Puts the entry into the tree, unless another package has the name. @returns whether it is the package's. */
  #claim(path: string, entry: DataEntry, number: number): boolean {
    const place = this.#places.get(path);
    const isDirectory = entry.type === 'directory';
    if (place === undefined || place.owner === number) {
      this.#put(path, entry, number);
      return true;
    }
    if (isDirectory && place.type === 'directory') {
      const wins = directoryPrecedence(this.#file(place.owner), this.#file(number));
      if (wins === 'later') this.#put(path, entry, number);
      return true;
    }
    // Entries below it are put where the link leads.
    if (isDirectory && place.type === 'symlink') return true;
    const wins =
      isDirectory || place.type === 'directory' ? 'conflict' : this.#precedence(place, number);
    if (wins === 'conflict') throw this.#conflict(entry, place, number);
    if (wins === 'earlier') return false;
    this.#installed[place.owner]?.entries.delete(path);
    this.#put(path, entry, number);
    return true;
  }

  #put(path: string, entry: DataEntry, number: number): void {
    this.tree.apply(entry, number, entry.index);
    this.#places.set(path, { owner: number, type: entry.type });
  }

  #precedence({ owner }: Place, number: number) {
    return filePrecedence(this.#file(owner), this.#file(number));
  }

  #file(number: number): PackageFile {
    const found = this.#packages[number];
    if (found === undefined) throw new Error(`there is no package ${number}`);
    return found.file;
  }

  #conflict({ name }: LayerEntry, { owner }: Place, number: number) {
    const [first, second] = [this.#file(owner).pkg, this.#file(number).pkg];
    return alpineError(
      'IMAGE_PACKAGES_CONFLICT',
      `${first.name}-${first.version} and ${second.name}-${second.version} both have ${shownName(name)}`,
    );
  }
}

/** The path of an entry, which becomes a line of a database. */
function checkedPath(entry: LayerEntry): string {
  const { name, type } = entry;
  const parts = splitEntryPath(name);
  for (const char of name)
    if (char < ' ' || char === '\x7f') throw entryRefused(name, 'has a control character');
  if (parts.some((part) => part.startsWith('.wh.')))
    throw entryRefused(name, 'is a mark of layers');
  if (type === 'character' || type === 'block') throw entryRefused(name, 'is a device');
  return parts.join('/');
}
