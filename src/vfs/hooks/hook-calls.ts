import type { ErrnoName } from '../../protocol/errno.ts';
import { ERRNO, errnoName } from '../../protocol/errno.ts';
import type { MaybePromise } from '../provider.ts';
import { errnoOf, VfsError } from '../vfs-error.ts';
import type { VfsHookContext, VfsHooks } from './vfs-hooks.ts';

/** A hook's refusal, with the error number that the guest sees. Not a GondolinError, which would end the file server. */
class HookRefusal extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** Receives what a hook threw or did wrong, in one line. `isMeant`: it looks like a refusal, not like a mistake in the hook. */
export type HookFaultSink = (hook: keyof VfsHooks, message: string, isMeant: boolean) => void;

/** Errors that JavaScript itself throws for a mistake in a program. */
const MISTAKES = [TypeError, ReferenceError, RangeError, SyntaxError];

function why(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Calls the hooks of one VM. A request waits in at most one hook at a time: an interrupted one stops waiting (its hook runs on),
 * and so do all when the VM ends.
 */
export class HookCalls {
  readonly #hooks: VfsHooks;
  readonly #onFault: HookFaultSink;
  readonly #waiting = new Map<bigint, (error: VfsError) => void>();

  constructor(hooks: VfsHooks, onFault: HookFaultSink) {
    this.#hooks = hooks;
    this.#onFault = onFault;
  }

  /** Asks `before`, and `beforeOpen` of files. @throws the refusal: an error with an `errno`. */
  async before(unique: bigint, contexts: readonly VfsHookContext[]): Promise<void> {
    const { before, beforeOpen } = this.#hooks;
    for (const context of contexts) {
      const { op, path, flags = 0 } = context;
      // A close cannot be refused: the file must not stay open.
      const mayRefuse = op !== 'release' && op !== 'releasedir';
      const ask = mayRefuse ? this.#ask.bind(this) : this.#tell.bind(this);
      if (before !== undefined) await ask(unique, 'before', path, () => before(context));
      if (beforeOpen !== undefined && (op === 'open' || op === 'create')) {
        await this.#ask(unique, 'beforeOpen', path, () => beforeOpen(path, flags));
      }
      const { beforeClose } = this.#hooks;
      if (beforeClose !== undefined && op === 'release') {
        await this.#tell(unique, 'beforeClose', path, () => beforeClose(path));
      }
    }
  }

  /** Tells `after`, `afterRead` and `afterWrite`. Never rejects. */
  async after(unique: bigint, contexts: readonly VfsHookContext[]): Promise<void> {
    const { after, afterRead, afterWrite } = this.#hooks;
    for (const context of contexts) {
      const { op, path, result = 0 } = context;
      if (afterRead !== undefined && op === 'read' && result > 0) {
        await this.#tell(unique, 'afterRead', path, () => afterRead(path, result));
      }
      if (afterWrite !== undefined && op === 'write') {
        await this.#tell(unique, 'afterWrite', path, () => afterWrite(path, result));
      }
      if (after !== undefined) await this.#tell(unique, 'after', path, () => after(context));
    }
  }

  /** Lets `onRead` or `onWrite` replace `data` in place. @throws the refusal: an error with an `errno`. */
  async replace(
    unique: bigint,
    name: 'onRead' | 'onWrite',
    { path, offset = 0 }: VfsHookContext,
    data: Buffer,
  ): Promise<void> {
    const hook = this.#hooks[name];
    if (hook === undefined || data.length === 0) return;
    const call = () => hook(path, data, { offset });
    const replaced = await this.#ask(unique, name, path, call, 'EIO');
    if (replaced === undefined || replaced === data) return;
    const bytes = typeof replaced === 'string' ? Buffer.from(replaced) : replaced;
    if (bytes instanceof Uint8Array && bytes.length === data.length) {
      data.set(bytes);
      return;
    }
    const got = bytes instanceof Uint8Array ? `${bytes.length} bytes` : typeof bytes;
    const message = `${path}: it returned ${got} instead of ${data.length} bytes`;
    this.#onFault(name, message, false);
    throw new HookRefusal(ERRNO.EIO, message);
  }

  async #ask<T>(
    unique: bigint,
    name: keyof VfsHooks,
    path: string,
    call: () => MaybePromise<T>,
    otherwise: ErrnoName = 'EACCES',
  ): Promise<T> {
    try {
      return await this.#wait(unique, call);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      const errno = errnoOf(error);
      const isMistake = MISTAKES.some((kind) => error instanceof kind);
      const isMeant = errno !== null || (otherwise === 'EACCES' && !isMistake);
      this.#onFault(name, `${path}: ${why(error)}`, isMeant);
      const given = errno ?? ERRNO[otherwise];
      throw new HookRefusal(given, `${name} refused ${path}: ${errnoName(given)}`);
    }
  }

  async #tell(
    unique: bigint,
    name: keyof VfsHooks,
    path: string,
    call: () => MaybePromise<void>,
  ): Promise<void> {
    try {
      await this.#wait(unique, call);
    } catch (error) {
      if (!(error instanceof Interrupted)) this.#onFault(name, `${path}: ${why(error)}`, false);
    }
  }

  async #wait<T>(unique: bigint, call: () => MaybePromise<T>): Promise<T> {
    const result = call();
    if (!isThenable(result)) return result;
    let stop: (error: VfsError) => void = () => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = reject;
    });
    this.#waiting.set(unique, stop);
    try {
      return await Promise.race([result, stopped]);
    } finally {
      if (this.#waiting.get(unique) === stop) this.#waiting.delete(unique);
    }
  }

  /** Ends the wait of a request whose process got a signal. @param unique Untrusted: any number. */
  interrupt(unique: bigint): void {
    this.#waiting.get(unique)?.(new Interrupted('EINTR'));
  }

  /** Ends all waits. */
  close(): void {
    for (const stop of [...this.#waiting.values()]) stop(new Interrupted('EIO'));
  }
}

/** The request stops waiting; nothing is wrong with the hook. */
class Interrupted extends VfsError {}

function isThenable<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
