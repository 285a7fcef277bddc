import { GondolinError } from '../../errors/gondolin-error.ts';
import { FOPEN, OPCODE, OUT_HEADER_BYTES, ROOT_NODE_ID } from '../../protocol/fuse/fuse-abi.ts';
import type { FuseRequest } from '../../protocol/fuse/fuse-request.ts';
import type { FuseContext, FuseOperation, FuseOperations, FuseReply } from '../fuse/context.ts';
import { MADE_NAME_AT, readName, readNames } from '../fuse/decode.ts';
import { readDirectoryWithoutAttributes } from '../fuse/directory-operations.ts';
import { ENTRY_BYTES } from '../fuse/encode.ts';
import { DESCRIBED_OPCODES, describeRequest } from './describe-request.ts';
import type { HookCalls } from './hook-calls.ts';
import { NodePlaces } from './node-places.ts';
import { needsDirectIo, type VfsHookContext, type VfsHooks } from './vfs-hooks.ts';

/** Offset of `open_flags` in struct fuse_open_out. */
const OPEN_FLAGS_AT = 8;

/** Where the flags of an open file are in a reply; null for other requests. */
function openFlagsAt(opcode: number): number | null {
  if (opcode === OPCODE.OPEN) return OPEN_FLAGS_AT;
  return opcode === OPCODE.CREATE ? ENTRY_BYTES + OPEN_FLAGS_AT : null;
}

/** Where the name that a reply's node got is in the request, with the node of the directory. */
function namedIn({ opcode, nodeId, body }: FuseRequest): readonly [number, string] | null {
  const at = opcode === OPCODE.LOOKUP ? 0 : MADE_NAME_AT[opcode];
  return at === undefined ? null : [nodeId, readName(body, at)];
}

/** Notes the new places of renamed nodes of a provider that cannot tell them: looks their new names up. */
async function noteRenamed(
  { ids }: FuseContext,
  { opcode, nodeId, body }: FuseRequest,
  places: NodePlaces,
): Promise<void> {
  if (opcode !== OPCODE.RENAME && opcode !== OPCODE.RENAME2) return;
  const { mount, node: from } = ids.get(nodeId);
  if (mount.provider.place !== undefined) return;
  const { node: to } = ids.get(Number(body.readBigUInt64LE(0)));
  const [name, newName] = readNames(body, opcode === OPCODE.RENAME ? 8 : 16);
  const isExchange = opcode === OPCODE.RENAME2 && body.readUInt32LE(8) === 2;
  const moved = [[to, newName] as const, ...(isExchange ? [[from, name] as const] : [])];
  for (const [parent, at] of moved) {
    const held = ids.addLookup(mount, await mount.provider.lookup(parent, at));
    places.note(mount, held.node, parent, at);
    ids.forget(held.id, 1n);
  }
}

export interface Observers {
  /** Null without hooks. */
  readonly hooks: VfsHooks | null;
  readonly calls: HookCalls;
  /** Receives each operation that succeeded. */
  readonly onDone: (context: VfsHookContext) => void;
}

/** Returns `operations` with hooks and events around those that they see. */
export function observedOperations(
  operations: FuseOperations,
  observers: Observers,
): FuseOperations {
  const places = new NodePlaces();
  const { hooks, calls } = observers;
  const inner: FuseOperations =
    hooks === null
      ? operations
      : {
          ...operations,
          // With attributes the guest would need no `lookup`, and its hook would not be asked.
          [OPCODE.READDIRPLUS]: readDirectoryWithoutAttributes,
          [OPCODE.INTERRUPT]: (_context, { body }) => {
            if (body.length >= 8) calls.interrupt(body.readBigUInt64LE(0));
            return 'none';
          },
        };
  const observed = DESCRIBED_OPCODES.flatMap((opcode) => {
    const operation = inner[opcode];
    return operation === undefined
      ? []
      : [[opcode, observe(operation, places, observers)] as const];
  });
  return { ...inner, ...Object.fromEntries(observed) };
}

function observe(
  operation: FuseOperation,
  places: NodePlaces,
  { hooks, calls, onDone }: Observers,
): FuseOperation {
  const steps = hooks === null ? NO_STEPS : hookSteps(hooks, calls);
  return async (context, request, room) => {
    // Only the agent sees the root above the mounts.
    if (request.nodeId === ROOT_NODE_ID) return operation(context, request, room);
    // Before the operation: a removed file has no path any more.
    const contexts = describeRequest(context, request, places);
    await steps.ask(request, contexts);
    const reply = await operation(context, request, room);
    // Whoever sees the data may keep it.
    room.isReusable = false;
    await notePlaces(context, request, reply, places);
    await steps.change(request, contexts, reply);
    const done = contexts.map((one) => withResult(one, dataOf(reply)));
    for (const one of done) onDone(one);
    await steps.tell(request, done);
    return reply;
  };
}

type Contexts = readonly VfsHookContext[];

/** The calls of hooks around one operation. */
interface Steps {
  /** Lets them refuse it, and replace what it writes. */
  ask(request: FuseRequest, contexts: Contexts): Promise<void>;
  /** Lets them replace what it read. */
  change(request: FuseRequest, contexts: Contexts, reply: FuseReply): Promise<void>;
  tell(request: FuseRequest, contexts: Contexts): Promise<void>;
}

const NO_STEPS: Steps = {
  ask: () => Promise.resolve(),
  change: () => Promise.resolve(),
  tell: () => Promise.resolve(),
};

function hookSteps(hooks: VfsHooks, calls: HookCalls): Steps {
  const isDirect = needsDirectIo(hooks);
  return {
    ask: async ({ unique }, contexts) => {
      await calls.before(unique, contexts);
      for (const one of contexts) {
        if (one.data !== undefined) await calls.replace(unique, 'onWrite', one, one.data);
      }
    },
    change: async ({ unique, opcode }, contexts, reply) => {
      if (isDirect) setDirect(opcode, reply);
      const data = dataOf(reply);
      if (data === null) return;
      for (const one of contexts) await calls.replace(unique, 'onRead', one, data);
    },
    tell: ({ unique }, contexts) => calls.after(unique, contexts),
  };
}

/** Never fails: the operation has succeeded, and at worst a path shows an old name. */
async function notePlaces(
  context: FuseContext,
  request: FuseRequest,
  reply: FuseReply,
  places: NodePlaces,
): Promise<void> {
  try {
    await noteReply(context, request, reply, places);
  } catch (error) {
    if (GondolinError.is(error)) throw error;
  }
}

async function noteReply(
  context: FuseContext,
  request: FuseRequest,
  reply: FuseReply,
  places: NodePlaces,
): Promise<void> {
  const named = Buffer.isBuffer(reply) ? namedIn(request) : null;
  if (named === null || !Buffer.isBuffer(reply)) return noteRenamed(context, request, places);
  const { mount, node } = context.ids.get(Number(reply.readBigUInt64LE(0)));
  places.note(mount, node, context.ids.get(named[0]).node, named[1]);
}

function setDirect(opcode: number, reply: FuseReply): void {
  const at = openFlagsAt(opcode);
  if (at !== null && Buffer.isBuffer(reply))
    reply.writeUInt32LE((reply.readUInt32LE(at) & FOPEN.NOFLUSH) | FOPEN.DIRECT_IO, at);
}

/** The bytes of a READ's reply. */
function dataOf(reply: FuseReply): Buffer | null {
  return typeof reply === 'object' && 'whole' in reply
    ? reply.whole.subarray(OUT_HEADER_BYTES)
    : null;
}

function withResult(context: VfsHookContext, data: Buffer | null): VfsHookContext {
  if (context.op === 'write') return { ...context, result: context.length ?? 0 };
  return data === null ? context : { ...context, data, result: data.length };
}
