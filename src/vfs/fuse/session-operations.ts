import {
  ACL_INIT_FLAGS,
  FUSE_MAJOR,
  FUSE_MINOR,
  INIT_FLAGS,
  MAX_TRANSFER_BYTES,
  OPCODE,
} from '../../protocol/fuse/fuse-abi.ts';
import { guestProtocolError } from '../../protocol/guest-protocol-error.ts';
import { EMPTY, type FuseOperation, type FuseOperations } from './context.ts';

const PAGE_BYTES = 4096;
/** At most what the agent sets (guest/src/file/fuse.c): while one transfer is served, the guest copies the one before. */
const READ_AHEAD_BYTES = 2 * MAX_TRANSFER_BYTES;
const MAX_BACKGROUND = 64;
const CONGESTION_THRESHOLD = 48;
/** Oldest kernel protocol with the structures that we write (Linux 4.20). */
const LOWEST_MINOR = 28;

const init: FuseOperation = ({ keepsAcls }, { body }) => {
  const [major, minor] = [body.readUInt32LE(0), body.readUInt32LE(4)];
  if (major !== FUSE_MAJOR || minor < LOWEST_MINOR) {
    throw guestProtocolError('FUSE 7.28 or newer', { subject: 'FUSE INIT', got: minor });
  }
  const flags = { ...INIT_FLAGS, ...(keepsAcls ? ACL_INIT_FLAGS : {}) };
  const wanted = Object.values(flags).reduce((all, flag) => all | flag, 0);
  const reply = Buffer.alloc(64);
  reply.writeUInt32LE(FUSE_MAJOR, 0);
  reply.writeUInt32LE(Math.min(minor, FUSE_MINOR), 4);
  reply.writeUInt32LE(READ_AHEAD_BYTES, 8);
  reply.writeUInt32LE((body.readUInt32LE(12) & wanted) >>> 0, 12);
  reply.writeUInt16LE(MAX_BACKGROUND, 16);
  reply.writeUInt16LE(CONGESTION_THRESHOLD, 18);
  reply.writeUInt32LE(MAX_TRANSFER_BYTES, 20);
  reply.writeUInt32LE(1, 24);
  reply.writeUInt16LE(MAX_TRANSFER_BYTES / PAGE_BYTES, 28);
  return reply;
};

const forget: FuseOperation = ({ ids }, { nodeId, body }) => {
  ids.forget(nodeId, body.readBigUInt64LE(0));
  return 'none';
};

const FORGET_ONE_BYTES = 16;

const forgetMany: FuseOperation = ({ ids }, { body }) => {
  const count = body.readUInt32LE(0);
  if (body.length - 8 < count * FORGET_ONE_BYTES) {
    throw guestProtocolError('as many forgets as its count says', {
      subject: 'FUSE BATCH_FORGET',
      got: count,
    });
  }
  for (let at = 8; at < 8 + count * FORGET_ONE_BYTES; at += FORGET_ONE_BYTES) {
    ids.forget(Number(body.readBigUInt64LE(at)), body.readBigUInt64LE(at + 8));
  }
  return 'none';
};

/** Operations on the session itself. Requests are served soon, so an INTERRUPT is ignored without hooks. */
export const SESSION_OPERATIONS: FuseOperations = {
  [OPCODE.INIT]: init,
  [OPCODE.FORGET]: forget,
  [OPCODE.BATCH_FORGET]: forgetMany,
  [OPCODE.INTERRUPT]: () => 'none',
  [OPCODE.DESTROY]: () => EMPTY,
};
