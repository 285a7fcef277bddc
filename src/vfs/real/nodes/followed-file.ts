import { closeSync, fstatSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { openAt } from '../../../host/libc.ts';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFREG } from '../../file-mode.ts';
import { isSameInode, type RealNode, toIdentity } from './real-node.ts';
import type { RealNodeTable } from './real-node-table.ts';

/**
 * Follows the name of a volume that is one file. Editors save by replacing the file with a new one, which becomes the
 * volume's root. Never follows a symbolic link and accepts only a regular file: a guest that may write to the directory
 * through another volume must not lead this one elsewhere.
 */
export class FollowedFile {
  readonly #directory: number;
  readonly #name: string;

  /** @param path  Real absolute path of the file. */
  constructor(path: string) {
    this.#directory = openSync(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
    this.#name = Buffer.from(basename(path), 'utf8').toString('latin1');
  }

  /** Makes `root` the file that has the name now; keeps the old one while no file has it. */
  follow(nodes: RealNodeTable, root: RealNode): void {
    const fd = this.#open();
    if (fd === null) return;
    const identity = toIdentity(fstatSync(fd, { bigint: true }));
    if (identity.type !== S_IFREG || isSameInode(identity, root.identity)) closeSync(fd);
    else nodes.replace(root, identity, fd);
  }

  #open(): number | null {
    try {
      return openAt(this.#directory, this.#name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    } catch {
      // The old file is removed and the new one not made yet, or no descriptor is left: the next use tries again.
      return null;
    }
  }

  close(): void {
    closeSync(this.#directory);
  }
}
