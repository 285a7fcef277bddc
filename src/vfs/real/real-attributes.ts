import { fstatSync } from 'node:fs';
import {
  listAttributes,
  readAttribute,
  removeAttribute,
  SystemError,
  setAttribute,
} from '../../host/libc.ts';
import { ERRNO } from '../../protocol/errno.ts';
import type { ExtendedAttributes } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import { OWN, toGuestName, toHostName } from './attributes/attribute-names.ts';
import type { RealNode } from './nodes/real-node.ts';
import type { RealNodeTable } from './nodes/real-node-table.ts';
import type { Protection } from './protection.ts';
import type { RealMetadata } from './real-metadata.ts';

/**
 * Extended attributes of host files. `user.` ones are the host's own. `trusted.` and `security.` ones, and access control lists, are kept below `user.gondolin.`,
 * so that nothing that a guest sets means anything to the host's kernel; those of files that another host user owns are not believed.
 */
export class RealAttributes implements ExtendedAttributes {
  readonly #nodes: RealNodeTable;
  readonly #metadata: RealMetadata;
  readonly #protection: Protection;

  constructor(nodes: RealNodeTable, metadata: RealMetadata, protection: Protection) {
    this.#nodes = nodes;
    this.#metadata = metadata;
    this.#protection = protection;
  }

  get(node: RealNode, name: string): Buffer | null {
    const fd = this.#nodes.fd(node);
    const hostName = toHostName(name);
    if (hostName === null || !this.#isBelieved(fd, hostName)) return null;
    try {
      return readAttribute(fd, hostName);
    } catch (error) {
      if (error instanceof SystemError && error.errno === ERRNO.ENODATA) return null;
      throw error;
    }
  }

  list(node: RealNode): string[] {
    const fd = this.#nodes.fd(node);
    return listAttributes(fd).flatMap((hostName) => {
      const name = toGuestName(hostName);
      return name === null || !this.#isBelieved(fd, hostName) ? [] : [name];
    });
  }

  /** @throws {VfsError} EPERM for a name that is ours, and on protected files */
  set(node: RealNode, name: string, value: Buffer, flags: number): void {
    this.#protection.assertWritable(node);
    const hostName = toHostName(name);
    if (hostName === null) throw new VfsError('EPERM');
    setAttribute(this.#nodes.fd(node), hostName, value, flags);
  }

  /** @throws {VfsError} EPERM on protected files */
  remove(node: RealNode, name: string): void {
    this.#protection.assertWritable(node);
    const hostName = toHostName(name);
    if (hostName === null) throw new VfsError('ENODATA');
    removeAttribute(this.#nodes.fd(node), hostName);
  }

  #isBelieved(fd: number, hostName: string): boolean {
    return !hostName.startsWith(OWN) || this.#metadata.isOfHostUser(fstatSync(fd).uid);
  }
}
