import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { packageFile } from '../../host/package-root.ts';
import { VfsError } from '../vfs-error.ts';
import type {
  MountCalls,
  MountFailure,
  MountMethod,
  MountReply,
  MountRequest,
} from './mount-messages.ts';

/** Time for one call, before the guest gets ETIMEDOUT. */
const CALL_LIMIT_MS = 20_000;
/** Calls under way at most; a further one fails with EAGAIN. The server has a lower bound for each guest. */
const MAX_CALLS = 4_096;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** Receives the result of a call that nobody waits for any more. */
export type LateResult = (method: MountMethod, result: unknown) => void;

/** Starts the process from the file that is there: compiled in the package, or our source by tsx. */
function startProcess(): ChildProcess {
  const isSource = import.meta.url.endsWith('.ts');
  const file = isSource
    ? fileURLToPath(new URL('./mount-process-main.ts', import.meta.url))
    : packageFile('dist', 'mount-process.js');
  return fork(file, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {},
    execArgv: isSource ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [],
  });
}

function toError({ errno, code, message }: MountFailure): Error {
  if (code === 'SNAPSHOT_UNSUPPORTED' || code === 'SNAPSHOT_REFUSED') {
    return new GondolinError(code, message);
  }
  return Object.assign(new Error(message), { errno });
}

/**
 * A process that serves one mount: a call that hangs in it, in the kernel, stops nothing here. While it hangs, calls fail at
 * once; after its first reply they are made again.
 */
export class MountProcess {
  readonly #child: ChildProcess;
  readonly #limitMs: number;
  readonly #onLate: LateResult;
  readonly #pending = new Map<number, Pending>();
  /** Calls that timed out, whose replies may come. */
  readonly #late = new Map<number, MountMethod>();
  #lastId = 0;
  #hasEnded = false;

  constructor(onLate: LateResult, limitMs: number = CALL_LIMIT_MS) {
    this.#limitMs = limitMs;
    this.#onLate = onLate;
    this.#child = startProcess();
    this.#child.on('message', (reply: MountReply) => this.#take(reply));
    this.#child.on('error', () => this.#end());
    this.#child.on('exit', () => this.#end());
    // The VM that it serves keeps Node alive.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  /** Process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * Makes a call.
   * @throws {VfsError} ETIMEDOUT when it hangs, EIO after the process has ended; the error of the provider.
   */
  call<M extends MountMethod>(
    method: M,
    ...args: Parameters<MountCalls[M]>
  ): Promise<ReturnType<MountCalls[M]>> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return reject(new VfsError('EIO'));
      if (this.#late.size > 0) return reject(new VfsError('ETIMEDOUT'));
      if (this.#pending.size >= MAX_CALLS) return reject(new VfsError('EAGAIN'));
      const id = this.#send(method, args);
      // The first waits for the process too.
      const limitMs = method === 'start' ? CALL_LIMIT_MS : this.#limitMs;
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        this.#late.set(id, method);
        reject(new VfsError('ETIMEDOUT'));
      }, limitMs);
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject, timer });
    });
  }

  /** Makes a call whose result does not matter. */
  tell<M extends MountMethod>(method: M, ...args: Parameters<MountCalls[M]>): void {
    if (!this.#hasEnded) this.#send(method, args);
  }

  #send(method: MountMethod, args: readonly unknown[]): number {
    this.#lastId += 1;
    const request: MountRequest = { id: this.#lastId, method, args };
    // One that cannot be sent is answered by the end of the process.
    this.#child.send(request, () => undefined);
    return this.#lastId;
  }

  #take(reply: MountReply): void {
    const { id } = reply;
    const late = this.#late.get(id);
    if (late !== undefined) {
      this.#late.delete(id);
      if ('result' in reply) this.#onLate(late, reply.result);
      return;
    }
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if ('failure' in reply) pending.reject(toError(reply.failure));
    else pending.resolve(reply.result);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#late.clear();
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new VfsError('EIO'));
    }
    this.#pending.clear();
  }

  /** Ends the process, and every call with EIO. It is not waited for: what hangs in the kernel may take its time. */
  kill(): void {
    this.#child.kill('SIGKILL');
    this.#end();
  }
}
