import { fstatSync, openSync } from 'node:fs';
import {
  descriptorPath,
  linkDescriptorAt,
  makeDirectoryAt,
  removeDirectoryAt,
  renameAt,
  symlinkAt,
  unlinkAt,
} from '../../host/libc.ts';
import {
  O_CLOEXEC,
  O_PATH,
  RENAME_EXCHANGE,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  S_ISGID,
} from '../file-mode.ts';
import type { Caller, DirectoryEntry, NewNode } from '../provider.ts';
import { hostPermissions } from './attributes/ownership.ts';
import {
  closeDescriptors,
  createRegular,
  type OpenDescriptors,
} from './descriptors/open-regular.ts';
import { readDirectory } from './descriptors/read-directory.ts';
import type { RealNode } from './nodes/real-node.ts';
import type { RealNodeTable } from './nodes/real-node-table.ts';
import type { Protection } from './protection.ts';
import type { RealMetadata } from './real-metadata.ts';

/** Finds, makes, moves and removes names in host directories, one step below a known directory. */
export class RealNames {
  readonly #nodes: RealNodeTable;
  readonly #metadata: RealMetadata;
  readonly #protection: Protection;

  constructor(nodes: RealNodeTable, metadata: RealMetadata, protection: Protection) {
    this.#nodes = nodes;
    this.#metadata = metadata;
    this.#protection = protection;
  }

  /** Marks a node as held by the server until it forgets it. */
  give(node: RealNode): RealNode {
    node.isGiven = true;
    return node;
  }

  lookup(parent: RealNode, name: string): RealNode {
    return this.give(this.#nodes.lookup(parent, name));
  }

  /** Looks a node up for one operation; call `dropUnlessGiven` afterwards. Null when the name does not exist. */
  peek(parent: RealNode, name: string): RealNode | null {
    try {
      return this.#nodes.lookup(parent, name);
    } catch {
      // Missing. The operation itself reports any other reason.
      return null;
    }
  }

  /** Lists a directory in batches; the first one names its parent. */
  async *list(directory: RealNode): AsyncGenerator<DirectoryEntry[], void> {
    const { dev, ino } = (directory.parent ?? directory).identity;
    yield [{ name: '..', type: S_IFDIR, ino, device: dev }];
    yield* readDirectory(this.#nodes.fd(directory));
  }

  makeNode(parent: RealNode, name: string, { mode, rdev }: NewNode, caller: Caller): RealNode {
    const { node, opened } = this.makeFile(parent, name, { mode, rdev, flags: 0 }, caller);
    closeDescriptors(opened);
    return node;
  }

  /** Makes a regular file, or the stand-in for a device, FIFO or socket, and opens it for reading and writing. */
  makeFile(
    parent: RealNode,
    name: string,
    { mode, rdev, flags }: NewNode & { readonly flags: number },
    caller: Caller,
  ): { readonly node: RealNode; readonly opened: OpenDescriptors } {
    this.#protection.assertNameFree(parent, name);
    const permissions = (mode & S_IFMT) === S_IFREG ? hostPermissions(mode, false) | 0o600 : 0o600;
    const opened = createRegular(this.#nodes.fd(parent), name, flags, permissions);
    try {
      // Not by its name, where the host may have put another file by now.
      const pathFd = openSync(descriptorPath(opened.fd), O_PATH | O_CLOEXEC);
      const node = this.#made(this.#nodes.adopt(pathFd, parent, name, null), mode, caller);
      if ((mode & S_IFMT) !== S_IFREG) this.#makeVirtual(node, mode, rdev);
      return { node, opened };
    } catch (error) {
      closeDescriptors(opened);
      throw error;
    }
  }

  #makeVirtual(node: RealNode, mode: number, rdev: number): void {
    try {
      this.#metadata.makeVirtual(node, mode, rdev);
    } catch (error) {
      // The server never received the node, so it will not forget it.
      this.#nodes.forget(node);
      throw error;
    }
  }

  makeDirectory(parent: RealNode, name: string, mode: number, caller: Caller): RealNode {
    this.#protection.assertNameFree(parent, name);
    makeDirectoryAt(this.#nodes.fd(parent), name, 0o700);
    const isInherited = (this.#metadata.read(parent).mode & S_ISGID) !== 0;
    const node = this.#nodes.lookup(parent, name);
    return this.#made(node, isInherited ? mode | S_ISGID : mode, caller);
  }

  makeSymlink(parent: RealNode, name: string, target: Buffer, caller: Caller): RealNode {
    this.#protection.assertNameFree(parent, name);
    symlinkAt(target.toString('latin1'), this.#nodes.fd(parent), name);
    return this.#made(this.#nodes.lookup(parent, name), undefined, caller);
  }

  /** Sets owner and mode of a new node; removes it when that fails. */
  #made(node: RealNode, mode: number | undefined, caller: Caller): RealNode {
    const { parent, name } = node;
    try {
      if (parent !== null) this.#metadata.made(node, parent, mode, caller);
      return this.give(node);
    } catch (error) {
      this.#nodes.forget(node);
      if (parent !== null) this.#removeName(this.#nodes.fd(parent), name, node);
      throw error;
    }
  }

  #removeName(directory: number, name: string, { identity }: RealNode): void {
    if (identity.type === S_IFDIR) removeDirectoryAt(directory, name);
    else unlinkAt(directory, name);
  }

  link(node: RealNode, parent: RealNode, name: string): void {
    this.#protection.assertWritable(node);
    this.#protection.assertNameFree(parent, name);
    const fd = this.#nodes.fd(node);
    linkDescriptorAt(fd, this.#nodes.fd(parent), name);
  }

  unlink(parent: RealNode, name: string): void {
    this.#protection.assertNameFree(parent, name);
    const node = this.#nodes.lookup(parent, name);
    try {
      this.#protection.assertWritable(node);
      unlinkAt(this.#nodes.fd(parent), name);
      this.#unlinked(node);
    } finally {
      this.#nodes.dropUnlessGiven(node);
    }
  }

  /** Marks a file whose last name is gone, so that it is not searched by name. */
  #unlinked(node: RealNode): void {
    const stat = fstatSync(this.#nodes.fd(node));
    if (stat.nlink > 0 && !stat.isDirectory()) return;
    this.#nodes.unlinked(node);
    this.#metadata.unlinked(node);
  }

  removeDirectory(parent: RealNode, name: string): void {
    this.#protection.assertNameFree(parent, name);
    const node = this.#nodes.lookup(parent, name);
    try {
      removeDirectoryAt(this.#nodes.fd(parent), name);
      this.#unlinked(node);
    } finally {
      this.#nodes.dropUnlessGiven(node);
    }
  }

  /** @param flags  Flags of renameat2(2). */
  rename(
    parent: RealNode,
    name: string,
    newParent: RealNode,
    newName: string,
    flags: number,
  ): void {
    this.#protection.assertNameFree(parent, name);
    this.#protection.assertNameFree(newParent, newName);
    const node = this.#nodes.lookup(parent, name);
    const replaced = this.peek(newParent, newName);
    try {
      this.#protection.assertWritable(node);
      if (replaced !== null) this.#protection.assertWritable(replaced);
      renameAt(this.#nodes.fd(parent), name, this.#nodes.fd(newParent), newName, flags);
      this.#nodes.moved(node, newParent, newName, null);
      if (replaced === null || replaced === node) return;
      if (flags === RENAME_EXCHANGE) this.#nodes.moved(replaced, parent, name, null);
      else this.#unlinked(replaced);
    } finally {
      this.#nodes.dropUnlessGiven(node);
      if (replaced !== node) this.#nodes.dropUnlessGiven(replaced);
    }
  }
}
