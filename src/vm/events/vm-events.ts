import { GondolinError } from '../../errors/gondolin-error.ts';
import type { NetworkEvent } from '../../net/audit/network-event.ts';
import { shellQuoteArgs } from '../../util/shell-quote-args.ts';
import type { FuseServer } from '../../vfs/fuse-server.ts';
import type { VfsHookContext, VfsHookOperation } from '../../vfs/hooks/vfs-hooks.ts';
import type { RunningCommand } from '../exec/running-command.ts';
import { EventQueue } from './event-queue.ts';
import { networkLine, toNetworkActivity } from './network-activity.ts';
import type { FileActivity, VMEvent } from './vm-event.ts';

/** Longest text of an event, in characters: the guest chooses paths and URLs. */
const MAX_TEXT_LENGTH = 4_096;

/** Operations that say what was done to a file; the others come with every look at it. */
const FILE_OPERATIONS: ReadonlySet<VfsHookOperation> = new Set<VfsHookOperation>([
  ...(['open', 'create', 'read', 'write', 'fallocate', 'truncate'] as const),
  ...(['chmod', 'chown', 'utimes', 'mkdir', 'mknod', 'symlink'] as const),
  ...(['link', 'unlink', 'rmdir', 'rename'] as const),
]);

/** The parts of a VM that events come from. */
export interface EventSources {
  readonly fuse: Pick<FuseServer, 'watch'> | null;
  /** Masks values and placeholders of secrets. */
  readonly mask: (text: string) => string;
}

/** Each receives one line for each event; null when `sandbox.debug` does not ask for it. */
export interface EventLog {
  readonly network: ((line: string) => void) | null;
  readonly files: ((line: string) => void) | null;
}

/** Gives the events of one VM to those who listen. Without listeners nothing is made, and the file server is not watched. */
export class VMEvents {
  readonly #queues = new Set<EventQueue>();
  #sources: EventSources = { fuse: null, mask: (text) => text };
  #unwatch: (() => void) | null = null;
  #isOver = false;
  readonly #log: EventLog;

  /** @param log  Of `sandbox.debug`, which shows network and files too. */
  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Names the sources, once the VM runs. */
  attach(sources: EventSources): void {
    this.#sources = sources;
    const { files } = this.#log;
    if (files !== null) sources.fuse?.watch(({ op, path }) => files(`${op} ${path}`));
  }

  /** Returns the events from now on, until the VM ends. */
  subscribe(): EventQueue {
    const queue = new EventQueue(() => this.#remove(queue));
    if (this.#isOver) {
      queue.end();
      return queue;
    }
    this.#queues.add(queue);
    this.#unwatch ??= this.#sources.fuse?.watch((context) => this.#file(context)) ?? null;
    return queue;
  }

  #remove(queue: EventQueue): void {
    this.#queues.delete(queue);
    if (this.#queues.size > 0) return;
    this.#unwatch?.();
    this.#unwatch = null;
  }

  network(event: NetworkEvent): void {
    const { network: log } = this.#log;
    if (this.#queues.size === 0 && log === null) return;
    const activity = toNetworkActivity(event);
    if (activity === null) return;
    log?.(networkLine(activity));
    const { method, url, host } = activity;
    const texts = { method: this.#text(method), url: this.#text(url), host: this.#text(host) };
    this.#emit({
      type: 'network',
      timestamp: event.timestampMs,
      network: { ...activity, ...texts },
    });
  }

  #file({ op, path, newPath, result, size }: VfsHookContext): void {
    if (!FILE_OPERATIONS.has(op)) return;
    const file: FileActivity = {
      op,
      path: this.#text(path),
      ...(newPath === undefined ? {} : { new_path: this.#text(newPath) }),
      size: result ?? size ?? 0,
    };
    this.#emit({ type: 'file', timestamp: Date.now(), file });
  }

  /** Follows a command to its end. Passes its start through, also a failure. */
  async exec(
    command: string | readonly string[],
    starting: Promise<RunningCommand>,
  ): Promise<RunningCommand> {
    const done = (exitCode: number) => this.#exec(command, exitCode);
    const failed = (error: unknown) => done(GondolinError.is(error) ? error.exit : 1);
    try {
      const running = await starting;
      running.exited.then(({ code, signal }) => done(code ?? 128 + (signal ?? 0)), failed);
      return running;
    } catch (error) {
      failed(error);
      throw error;
    }
  }

  #exec(command: string | readonly string[], exitCode: number): void {
    if (this.#queues.size === 0) return;
    // No program gets a NUL; such a command has failed.
    const words =
      typeof command === 'string' ? [] : command.map((word) => word.replaceAll('\0', ''));
    const line = typeof command === 'string' ? command : shellQuoteArgs(words);
    const exec = { command: this.#text(line), exit_code: exitCode };
    this.#emit({ type: 'exec', timestamp: Date.now(), exec });
  }

  /** Masks before it cuts: a part of a value would pass the mask. */
  #text(text: string): string {
    const masked = this.#sources.mask(text);
    return masked.length > MAX_TEXT_LENGTH ? `${masked.slice(0, MAX_TEXT_LENGTH - 1)}…` : masked;
  }

  #emit(event: VMEvent): void {
    for (const queue of this.#queues) queue.push(event);
  }

  /** Ends every consumer's loop after the events that it has not read yet. */
  close(): void {
    this.#isOver = true;
    this.#unwatch?.();
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
  }
}
