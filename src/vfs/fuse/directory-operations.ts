import { MAX_TRANSFER_BYTES, OPCODE, ROOT_NODE_ID } from '../../protocol/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse-request.ts';
import { S_IFDIR } from '../file-mode.ts';
import type { DirectoryEntry } from '../provider.ts';
import { VfsError } from '../vfs-error.ts';
import {
  EMPTY,
  enter,
  type FuseContext,
  type FuseOperation,
  type FuseReply,
  target,
} from './context.ts';
import { readOffset } from './decode.ts';
import { direntBytes, ENTRY_BYTES, encodeOpen, writeDirent } from './encode.ts';
import type { OpenDirectory } from './handles.ts';

const DOTS: readonly DirectoryEntry[] = [
  { name: '.', type: S_IFDIR },
  { name: '..', type: S_IFDIR },
];
/** Readers need some number above 0; the real one comes with the attributes. */
const UNKNOWN_INO = 0xffff_ffffn;

const openDirectory: FuseOperation = (context, request) => {
  if (request.nodeId === ROOT_NODE_ID) throw new VfsError('EACCES');
  context.handles.assertRoom();
  return encodeOpen(context.handles.addDirectory(target(context, request, 'read')), 0);
};

/** Offsets count in a snapshot, so entries that come or go while a program reads are neither skipped nor doubled. */
async function snapshot(
  directory: OpenDirectory,
  offset: number,
): Promise<readonly DirectoryEntry[]> {
  if (directory.entries === null || offset === 0) {
    const { mount, node } = directory.held;
    directory.entries = [...DOTS, ...(await mount.provider.entries(node))];
  }
  return directory.entries;
}

interface Page {
  readonly directory: OpenDirectory;
  readonly offset: number;
  readonly sizeBytes: number;
}

function readPage({ handles }: FuseContext, { body }: FuseRequest): Page {
  const sizeBytes = body.readUInt32LE(16);
  if (sizeBytes > MAX_TRANSFER_BYTES) throw new VfsError('EINVAL');
  const directory = handles.directory(body.readBigUInt64LE(0));
  return { directory, offset: readOffset(body, 8), sizeBytes };
}

const readDirectory: FuseOperation = async (context, request) => {
  const { directory, offset, sizeBytes } = readPage(context, request);
  const entries = await snapshot(directory, offset);
  const reply = Buffer.alloc(sizeBytes);
  let used = 0;
  for (let index = offset; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined || used + direntBytes(entry.name) > sizeBytes) break;
    writeDirent(reply, used, { ...entry, ino: UNKNOWN_INO, next: index + 1 });
    used += direntBytes(entry.name);
  }
  return reply.subarray(0, used);
};

/** Entries with their attributes in one answer: `ls -l` asks no more. Those that are gone by now are left out. */
const readDirectoryPlus: FuseOperation = async (context, request): Promise<FuseReply> => {
  const { directory, offset, sizeBytes } = readPage(context, request);
  const entries = await snapshot(directory, offset);
  const reply = Buffer.alloc(sizeBytes);
  let used = 0;
  for (let index = offset; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined) break;
    const bytes = ENTRY_BYTES + direntBytes(entry.name);
    if (used + bytes > sizeBytes) break;
    const isWritten =
      index < DOTS.length || (await enterChild(context, directory, entry, reply, used));
    if (!isWritten) continue;
    const ino = index < DOTS.length ? UNKNOWN_INO : reply.readBigUInt64LE(used + 40);
    writeDirent(reply, used + ENTRY_BYTES, { ...entry, ino, next: index + 1 });
    used += bytes;
  }
  return reply.subarray(0, used);
};

async function enterChild(
  context: FuseContext,
  { held }: OpenDirectory,
  { name }: DirectoryEntry,
  reply: Buffer,
  offset: number,
): Promise<boolean> {
  try {
    const node = await held.mount.provider.lookup(held.node, name);
    await enter(context, held.mount, node, reply, offset);
    return true;
  } catch {
    // Removed since the snapshot, or not to be looked at: a LOOKUP of the name tells the guest why.
    reply.fill(0, offset, offset + ENTRY_BYTES);
    return false;
  }
}

const releaseDirectory: FuseOperation = ({ handles }, { body }) => {
  handles.releaseDirectory(body.readBigUInt64LE(0));
  return EMPTY;
};

const syncDirectory: FuseOperation = async (context, request) => {
  const { mount, node } = target(context, request, 'read');
  if (!mount.provider.isReadonly) await mount.provider.sync(node, null, false);
  return EMPTY;
};

export const DIRECTORY_OPERATIONS: Readonly<Record<number, FuseOperation>> = {
  [OPCODE.OPENDIR]: openDirectory,
  [OPCODE.READDIR]: readDirectory,
  [OPCODE.READDIRPLUS]: readDirectoryPlus,
  [OPCODE.RELEASEDIR]: releaseDirectory,
  [OPCODE.FSYNCDIR]: syncDirectory,
};
