import { closeSync, fstatSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { openAt } from '../../../host/libc.ts';
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, S_IFREG } from '../../file-mode.ts';
import { isSameInode, type RealNode, toIdentity } from './real-node.ts';
import type { RealNodeTable } from './real-node-table.ts';

/**
 * The name of a volume that is one file. Editors save by putting a new file in the place of the old one: the volume's
 * root becomes the new one. Never through a symbolic link, and only for a regular file: a guest that may write to the
 * directory by another volume must not lead this one elsewhere.
 */
export class FollowedFile {
  readonly #directory: number;
  readonly #name: string;

  /** @param path  Real absolute path of the file. */
  constructor(path: string) {
    this.#directory = openSync(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
    this.#name = Buffer.from(basename(path), 'utf8').toString('latin1');
  }

  /** Makes `root` the file that has the name now. While there is none it stays the old one. */
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
      // Between removing the old one and making the new one, or out of descriptors: the next use looks again.
      return null;
    }
  }

  close(): void {
    closeSync(this.#directory);
  }
}
