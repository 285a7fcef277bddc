import { readdirSync } from 'node:fs';
import { descriptorPath } from '../../../host/libc.ts';
import type { RealNode } from './real-node.ts';
import type { RealNodeTable } from './real-node-table.ts';

/** About a quarter of a second; a file that is not found by then counts as gone. */
const MAX_LOOKUPS = 10_000;

/**
 * Searches for files of a saved machine that were moved, by their inode: each lookup tells the table where a node is
 * now. One search serves all of them, level by level, and continues where it stopped.
 */
export class TreeSearch {
  readonly #table: RealNodeTable;
  readonly #directories: RealNode[];
  #lookups = 0;

  constructor(table: RealNodeTable, root: RealNode) {
    this.#table = table;
    this.#directories = [root];
  }

  /** Returns true once `node` is found. */
  find(node: RealNode): boolean {
    if (node.parent !== null) this.#look(node.parent, node);
    while (node.isRestored) {
      const directory = this.#directories.shift();
      if (directory === undefined || this.#lookups >= MAX_LOOKUPS) return false;
      this.#look(directory, null);
      this.#table.dropUnlessGiven(directory);
    }
    return true;
  }

  /** Looks up each name of a directory. @param wanted Stops once it is found; null queues the subdirectories. */
  #look(directory: RealNode, wanted: RealNode | null): void {
    for (const { name, isDirectory } of this.#names(directory)) {
      if (this.#lookups++ >= MAX_LOOKUPS || wanted?.isRestored === false) return;
      try {
        const found = this.#table.lookup(directory, name);
        if (isDirectory && wanted === null) this.#directories.push(found);
        else this.#table.dropUnlessGiven(found);
      } catch {}
    }
  }

  #names(directory: RealNode): { readonly name: string; readonly isDirectory: boolean }[] {
    try {
      const path = descriptorPath(this.#table.fd(directory));
      return readdirSync(path, { withFileTypes: true, encoding: 'buffer' })
        .filter((entry) => entry.isFile() || entry.isDirectory())
        .map((entry) => ({
          name: entry.name.toString('latin1'),
          isDirectory: entry.isDirectory(),
        }));
    } catch {
      // Gone or not readable: nothing in it is found.
      return [];
    }
  }
}
