import type { GondolinError } from '../errors/gondolin-error.ts';
import type { Machine } from '../machine/start-machine.ts';
import type { MuxSession } from '../mux/mux-session.ts';
import type { FuseServer } from '../vfs/fuse-server.ts';

const EXIT_GRACE_MS = 1_000;

/** The parts under a running guest that can fail. */
export interface GuestParts {
  readonly machine: Machine;
  readonly session: MuxSession;
  /** Null when the VM has no provider mounts. */
  readonly fuse: FuseServer | null;
}

/** Rejects with the error that ends the machine or breaks a channel; never resolves. */
export function guestFailure({ machine, session, fuse }: GuestParts): Promise<never> {
  const fail = (error: GondolinError) => Promise.reject(error);
  const sources: Promise<never>[] = [
    machine.exited.then(() => fail(machine.exitError())),
    session.ended.then((error) => preferExit(machine, error)).then(fail),
  ];
  if (fuse !== null) sources.push(fuse.failed.then(fail));
  return Promise.race(sources);
}

/** When QEMU dies its channels close too, in any order: its exit is the reason to report. */
async function preferExit(machine: Machine, error: GondolinError): Promise<GondolinError> {
  if (error.code !== 'MUX_CLOSED') return error;
  const grace = new Promise<void>((resolve) => setTimeout(resolve, EXIT_GRACE_MS).unref());
  const exit = await Promise.race([machine.exited, grace]);
  return exit === undefined ? error : machine.exitError();
}
