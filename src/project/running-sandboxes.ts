import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { VM } from '../vm/vm.ts';
import type { SyncSummary } from './copies/sync-trees.ts';

type RunningVm = Pick<VM, 'connect' | 'ended'>;

/** Brings the trees that were copied into a guest up to date with changed files of the host. */
export type SyncGuest = (paths: readonly string[]) => Promise<SyncSummary>;

interface Running {
  readonly vm: RunningVm;
  readonly sync: SyncGuest;
  open: number;
}

/**
 * Most connections of other sandboxes to one guest at once. Its commands, checks and ports use streams of the same session, which has
 * 1,024: another guest must not take those.
 */
export const MAX_NAME_CONNECTIONS = 512;

/** The errno that the guest's connect() gets for a failure in the other guest. */
const ERRNO: Readonly<Record<string, string>> = {
  VM_CONNECT_TIMEOUT: 'ETIMEDOUT',
  VM_CONNECT_UNREACHABLE: 'EHOSTUNREACH',
};

function refused(message: string, cause: unknown): GondolinError {
  const code = (GondolinError.is(cause) ? ERRNO[cause.code] : undefined) ?? 'ECONNREFUSED';
  const errno = Object.assign(new Error(message, { cause }), { code });
  return new GondolinError('NET_DIAL_FAILED', message, { cause: errno, details: { code } });
}

/** The VMs of a run by the names of their sandboxes. */
export class RunningSandboxes {
  readonly #running = new Map<string, Running>();

  /** Adds a VM until it ends. */
  add(name: string, vm: RunningVm, sync: SyncGuest = async () => ({ files: 0, deleted: 0 })): void {
    const running: Running = { vm, sync, open: 0 };
    this.#running.set(name, running);
    void vm.ended.then(() => {
      if (this.#running.get(name) === running) this.#running.delete(name);
    });
  }

  /**
   * Puts changed files of the host into the trees that were copied into a guest. Returns null when the sandbox is not running.
   * @throws the errors of `syncTrees`.
   */
  async sync(name: string, paths: readonly string[]): Promise<SyncSummary | null> {
    return (await this.#running.get(name)?.sync(paths)) ?? null;
  }

  /** Connects to a server in a sandbox. @throws {GondolinError} NET_DIAL_FAILED, whose cause has the errno. */
  async connect(name: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const target = this.#running.get(name);
    if (target === undefined) throw refused(`sandbox ${name} is not running`, null);
    if (target.open >= MAX_NAME_CONNECTIONS) {
      throw refused(`sandbox ${name} has ${target.open} connections of other sandboxes`, null);
    }
    target.open += 1;
    try {
      const stream = await target.vm.connect(port, { signal });
      if (stream.closed) target.open -= 1;
      else stream.once('close', () => (target.open -= 1));
      return stream;
    } catch (error) {
      target.open -= 1;
      throw refused(`cannot connect to port ${port} of sandbox ${name}`, error);
    }
  }
}
