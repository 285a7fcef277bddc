import { S_IFDIR, S_IFREG } from '../file-mode.ts';
import { VfsError } from '../vfs-error.ts';
import type { MemoryNames } from './memory-names.ts';
import type { MemoryNode, MemoryTree } from './memory-tree.ts';

/** Access to a memory file system from the program, by paths below the mount. New files belong to the guest's user. */
export class MemoryPaths {
  readonly #tree: MemoryTree;
  readonly #names: MemoryNames;

  constructor(tree: MemoryTree, names: MemoryNames) {
    this.#tree = tree;
    this.#names = names;
  }

  writeFile(path: string, data: string | Uint8Array): void {
    const names = splitPath(path);
    const name = names.pop() ?? '';
    const node = this.#findOrMake(this.#makeAll(names), name, S_IFREG | 0o644);
    const content = this.#tree.file(node);
    content.truncate(0);
    content.write(Buffer.from(data), 0);
    this.#tree.modified(node);
  }

  readFile(path: string): Buffer {
    const content = this.#tree.file(this.#resolve(path));
    const target = Buffer.alloc(content.sizeBytes);
    content.read(target, 0);
    return target;
  }

  mkdir(path: string): void {
    this.#makeAll(splitPath(path));
  }

  readdir(path: string): string[] {
    const names = [...this.#tree.children(this.#resolve(path)).keys()];
    return names.map((name) => Buffer.from(name, 'latin1').toString('utf8')).sort();
  }

  #resolve(path: string): MemoryNode {
    return splitPath(path).reduce((node, name) => this.#names.lookup(node, name), this.#tree.root);
  }

  #makeAll(names: readonly string[]): MemoryNode {
    return names.reduce(
      (node, name) => this.#findOrMake(node, name, S_IFDIR | 0o755),
      this.#tree.root,
    );
  }

  /** Returns the existing node of that name, of any type, or makes one. */
  #findOrMake(parent: MemoryNode, name: string, mode: number): MemoryNode {
    return this.#names.find(parent, name) ?? this.#names.add(parent, name, mode, this.#tree.user);
  }
}

/** Splits a path below the mount into names, as the provider keeps them. @throws {VfsError} EINVAL for `..` */
function splitPath(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.includes('..')) throw new VfsError('EINVAL');
  return names.map((name) => Buffer.from(name, 'utf8').toString('latin1'));
}
