import { closeSync, fdatasync, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { descriptorPath } from '../../host/libc.ts';
import { O_CLOEXEC, O_DIRECTORY } from '../file-mode.ts';
import type { DescriptorShare } from './descriptors/descriptor-share.ts';
import { closeDescriptors, type OpenDescriptors } from './descriptors/open-regular.ts';
import { closeUnlinked } from './descriptors/slow-calls.ts';
import type { RealNode } from './nodes/real-node.ts';

/** An open regular file of the host. */
export interface RealHandle extends OpenDescriptors {
  readonly node: RealNode;
  /** Flags of open(2), as the guest gave them. */
  readonly flags: number;
}

const isOpen = (fd: number | null): fd is number => fd !== null;

/** The open files of a mount, within its share of the process's descriptors. */
export class OpenFiles {
  readonly #share: DescriptorShare;

  constructor(share: DescriptorShare) {
    this.#share = share;
  }

  /** Opens a file. @throws {VfsError} ENFILE when too many are open. */
  open(node: RealNode, flags: number, open: () => OpenDescriptors): RealHandle {
    this.#share.assertFileRoom();
    return this.add(node, flags, open());
  }

  /** Takes over the descriptors of an open file. */
  add(node: RealNode, flags: number, { fd, inPlaceFd }: OpenDescriptors): RealHandle {
    node.handles ??= new Set();
    for (const own of [fd, inPlaceFd].filter(isOpen)) {
      node.handles.add(own);
      this.#share.fileOpened();
    }
    return { fd, inPlaceFd, node, flags };
  }

  release(handle: RealHandle): void {
    for (const own of [handle.fd, handle.inPlaceFd].filter(isOpen)) {
      handle.node.handles?.delete(own);
      this.#share.fileClosed();
    }
    if (!handle.node.isUnlinked) closeDescriptors(handle);
    else for (const own of [handle.fd, handle.inPlaceFd].filter(isOpen)) closeUnlinked(own);
  }
}

/** Calls fsync(2) or fdatasync(2) for an open file. */
export function syncFile(fd: number, dataOnly: boolean): Promise<void> {
  return promisify(dataOnly ? fdatasync : fsync)(fd);
}

/** Calls fsync(2) or fdatasync(2) for a directory. @param pathFd  O_PATH descriptor. */
export async function syncDirectory(pathFd: number, dataOnly: boolean): Promise<void> {
  const fd = openSync(descriptorPath(pathFd), O_DIRECTORY | O_CLOEXEC);
  try {
    await syncFile(fd, dataOnly);
  } finally {
    closeSync(fd);
  }
}
