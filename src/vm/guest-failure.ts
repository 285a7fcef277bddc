import type { GondolinError } from '../errors/gondolin-error.ts';
import type { Machine } from '../machine/start-machine.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import type { FuseServer } from '../vfs/fuse-server.ts';

const EXIT_GRACE_MS = 1_000;

/** What can fail under a running guest. */
export interface GuestParts {
  readonly machine: Machine;
  readonly session: MuxSession;
  /** Null when the VM has no provider mounts. */
  readonly fuse: FuseServer | null;
}

/** Rejects with whatever ends the machine or breaks a channel; never resolves. */
export function guestFailure({ machine, session, fuse }: GuestParts): Promise<never> {
  const fail = (error: GondolinError) => Promise.reject(error);
  const sources: Promise<never>[] = [
    machine.exited.then(() => fail(machine.exitError())),
    session.ended.then((error) => preferExit(machine, error)).then(fail),
  ];
  if (fuse !== null) sources.push(fuse.failed.then(fail));
  return Promise.race(sources);
}

/** When QEMU dies its channels close too, in any order: the death is the reason worth naming. */
async function preferExit(machine: Machine, error: GondolinError): Promise<GondolinError> {
  if (error.code !== 'MUX_CLOSED') return error;
  const grace = new Promise<void>((resolve) => setTimeout(resolve, EXIT_GRACE_MS).unref());
  const exit = await Promise.race([machine.exited, grace]);
  return exit === undefined ? error : machine.exitError();
}
