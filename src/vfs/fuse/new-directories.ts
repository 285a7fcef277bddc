import { OPCODE } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import type { FuseContext, FuseOperation, FuseOperations } from './context.ts';
import { MADE_NAME_AT, readName, readNames } from './decode.ts';

/** Where the names are in the requests that move one. */
const NAMES_AT: Readonly<Record<number, number>> = { [OPCODE.RENAME]: 8, [OPCODE.RENAME2]: 16 };

/**
 * Returns the operations with those that make names also keeping account of the directories of which the agent knows every name, and MKDIR
 * adding one. Linux looks each name up before it makes it: in a directory that it has just made the agent replies to that.
 */
export function knowingNewDirectories(operations: FuseOperations): FuseOperations {
  const knowing: Record<number, FuseOperation> = { ...operations };
  for (const opcode of [...Object.keys(MADE_NAME_AT), ...Object.keys(NAMES_AT)].map(Number)) {
    const operation = operations[opcode];
    if (operation !== undefined) knowing[opcode] = noting(operation);
  }
  return knowing;
}

function noting(operation: FuseOperation): FuseOperation {
  return (context, request, room) => {
    // Before the name is made, since it is reported from then on.
    noteNames(context, request);
    if (request.opcode !== OPCODE.MKDIR) return operation(context, request, room);
    return addMade(context, operation(context, request, room));
  };
}

function noteNames({ ids, live }: FuseContext, { opcode, nodeId, body }: FuseRequest): void {
  const { whole } = live;
  const directory = ids.find(nodeId);
  const nameAt = MADE_NAME_AT[opcode];
  if (nameAt !== undefined) {
    if (directory !== null && whole.concerns(directory))
      whole.making(directory, readName(body, nameAt));
    return;
  }
  const to = ids.find(Number(body.readBigUInt64LE(0)));
  if (![directory, to].some((held) => held !== null && whole.concerns(held))) return;
  const [name, newName] = readNames(body, NAMES_AT[opcode] ?? 0);
  // An exchange makes both.
  if (directory !== null) whole.making(directory, name);
  if (to !== null) whole.making(to, newName);
}

/** Tells the agent of the directory in a reply to MKDIR. */
async function addMade(
  { ids, live }: FuseContext,
  made: ReturnType<FuseOperation>,
): Promise<Awaited<typeof made>> {
  const reply = await made;
  const directory = Buffer.isBuffer(reply) ? ids.find(Number(reply.readBigUInt64LE(0))) : null;
  if (directory !== null) live.whole.made(directory);
  return reply;
}
