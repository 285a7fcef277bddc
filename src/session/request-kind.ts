import { GondolinError } from '../errors/gondolin-error.ts';
import type { Decoder } from '../util/json-decoder.ts';
import type { DetachedCommands } from './commands/detached-commands.ts';
import type { FrameSocket } from './frames/frame-socket.ts';
import type { SessionFacts } from './session-facts.ts';
import type { SessionVm } from './session-vm.ts';

/** A VM as its owner serves it. */
export interface HostedSession {
  readonly facts: SessionFacts;
  /** null while the VM starts. */
  readonly vm: SessionVm | null;
  readonly commands: DetachedCommands;
  readonly saveSnapshot: SaveSnapshot | null;
  /** Keeps the changes of the overlays; null for a VM without, or of a program. */
  readonly keepOverlays: KeepOverlays | null;
}

/** Keeps what the guest has changed in its overlays so far. */
export type KeepOverlays = () => Promise<void>;

/** Saves the VM as a snapshot, and returns the bytes that it takes on disk. */
export type SaveSnapshot = (
  request: { readonly name: string; readonly isReplacing: boolean },
  save: (directory: string) => Promise<void>,
) => Promise<number>;

/** The connection that a request came by. */
export interface RequestConnection {
  /** Aborts when the client has closed it. Not watched after {@link RequestConnection.startFrames}. */
  readonly gone: AbortSignal;
  /** Sends the result, and makes frames of the rest of the connection. */
  startFrames(result: unknown): FrameSocket;
}

/** One kind of request: its fields, and what the owner does. A new one is a file that exports it and a row of `REQUESTS`. */
export interface RequestKind<Request> {
  readonly decoder: Decoder<Request>;
  /** Returns the result, which is ignored after `startFrames`. */
  run(request: Request, session: HostedSession, connection: RequestConnection): Promise<unknown>;
}

/** @throws {GondolinError} SESSION_STARTING */
export function runningVm({ vm }: HostedSession): SessionVm {
  if (vm !== null) return vm;
  throw new GondolinError('SESSION_STARTING', 'the VM is still starting');
}
