import { GondolinError } from '../errors/gondolin-error.ts';
import { EDITOR_UID } from '../protocol/constants.ts';
import { ERRNO } from '../protocol/errno.ts';
import type { FuseRequest } from '../protocol/fuse/fuse-request.ts';
import type { RequestReservation } from './bounds/request-reservation.ts';
import { tellingDirectories } from './fuse/changed-directories.ts';
import type { FuseContext, FuseOperations, FuseReply } from './fuse/context.ts';
import { DIRECTORY_OPERATIONS } from './fuse/directory-operations.ts';
import { encodeReply } from './fuse/encode.ts';
import { FILE_OPERATIONS } from './fuse/file-operations.ts';
import { NAME_OPERATIONS } from './fuse/name-operations.ts';
import { knowingNewDirectories } from './fuse/new-directories.ts';
import { waitingFiles } from './fuse/new-files.ts';
import { serveRepeatedEdit } from './fuse/repeated-edits.ts';
import { SESSION_OPERATIONS } from './fuse/session-operations.ts';
import { XATTR_OPERATIONS } from './fuse/xattr-operations.ts';
import type { HookCalls } from './hooks/hook-calls.ts';
import { observedOperations } from './hooks/observed-operations.ts';
import type { VfsHookContext, VfsHooks } from './hooks/vfs-hooks.ts';
import { toErrno } from './vfs-error.ts';

const OPERATIONS: FuseOperations = {
  ...SESSION_OPERATIONS,
  ...NAME_OPERATIONS,
  ...FILE_OPERATIONS,
  ...DIRECTORY_OPERATIONS,
  ...XATTR_OPERATIONS,
};
/** While no hook and no watcher wants to see each request. */
const UNOBSERVED = tellingDirectories(knowingNewDirectories(waitingFiles(OPERATIONS)));

/** Receives an operation that succeeded. Must not throw. */
export type FileWatcher = (context: VfsHookContext) => void;

/** Finds the operation of each request, with hooks and watchers around it while there are any, and encodes its reply. */
export class OperationTable {
  readonly #hooks: VfsHooks | null;
  readonly #calls: HookCalls;
  readonly #watchers = new Set<FileWatcher>();
  #operations: FuseOperations = UNOBSERVED;

  constructor(hooks: VfsHooks | null, calls: HookCalls) {
    this.#hooks = hooks;
    this.#calls = calls;
    this.#choose();
  }

  /** Calls `watcher` with each operation that succeeds, until the returned function is called. */
  watch(watcher: FileWatcher): () => void {
    this.#watchers.add(watcher);
    this.#choose();
    return () => {
      this.#watchers.delete(watcher);
      this.#choose();
    };
  }

  /** Requests pass the code of hooks and events only while there are any. */
  #choose(): void {
    const hooks = this.#hooks;
    const isObserved = hooks !== null || this.#watchers.size > 0;
    if (!isObserved) this.#operations = UNOBSERVED;
    else if (this.#operations === UNOBSERVED) {
      const onDone: FileWatcher = (context) => {
        for (const watcher of this.#watchers) watcher(context);
      };
      this.#operations = observedOperations(OPERATIONS, { hooks, calls: this.#calls, onDone });
    }
  }

  /** Returns the reply; null for a request without one. @throws {GondolinError} GUEST_PROTOCOL when the request breaks the protocol. */
  async serve(
    context: FuseContext,
    request: FuseRequest,
    room: RequestReservation,
  ): Promise<Buffer | null> {
    try {
      const operation = this.#operations[request.opcode];
      if (operation === undefined) return encodeReply(request.unique, ERRNO.ENOSYS);
      const reply =
        request.uid === EDITOR_UID
          ? repeat(context, request, room)
          : operation(context, request, room);
      return toMessage(request, await reply);
    } catch (error) {
      if (GondolinError.is(error)) throw error;
      return encodeReply(request.unique, toErrno(error));
    }
  }
}

/** Serves the agent's repetition of an edit of the host. Hooks do not see it: it is not the guest's. */
function repeat(
  context: FuseContext,
  request: FuseRequest,
  room: RequestReservation,
): Promise<FuseReply> {
  return serveRepeatedEdit(context, context.live.edits, request, room, OPERATIONS);
}

/** Returns the message of a reply, or null for a request without one. */
function toMessage(request: FuseRequest, reply: FuseReply): Buffer | null {
  if (reply === 'none') return null;
  return 'whole' in reply ? reply.whole : encodeReply(request.unique, 0, reply);
}
