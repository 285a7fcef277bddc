import { GondolinError } from '../errors/gondolin-error.ts';
import { askAtCpuLimit, type CallHandlerOptions } from './call-options.ts';
import type { CallStats } from './call-stats.ts';
import { CpuLimit } from './engine/cpu-limit.ts';
import type { SavedEngine } from './engine/engine-channel.ts';
import { Engines, type SnapshotPlace } from './engine/engines.ts';
import { internal } from './errors.ts';
import type { SandboxSetup } from './sandbox-setup.ts';
import { ENGINE_FRAME, type EngineFrame } from './wire/engine-frame.ts';
import { type CallReply, DEATHS, decodeCallReply } from './wire/reply.ts';

/** Beyond a call's own limit: a guest that has not replied by then does not keep to its limits. */
const GRACE_MS = 5_000;
const NO_STATS: CallStats = { wallClockMs: 0, cpuTimeMs: 0, heapBytes: 0, terminatedBy: null };

/** The machines that the objects of one `build()` share, and the order of requests to them. */
export class SandboxCore {
  readonly setup: SandboxSetup;
  readonly #engines: Engines;
  #queue: Promise<unknown> = Promise.resolve();
  /** The engine cannot be used before a snapshot is restored. */
  isPoisoned = false;
  #isRunning = false;
  lastCallStats: CallStats = NO_STATS;

  private constructor(setup: SandboxSetup, engines: Engines) {
    this.setup = setup;
    this.#engines = engines;
  }

  /** @throws {GondolinError} ERR_GUEST_ABORT, and what starting a VM throws. */
  static async start(setup: SandboxSetup): Promise<SandboxCore> {
    return new SandboxCore(setup, await Engines.start(setup));
  }

  /** Resolves once no machine is left. Holds nothing of this. */
  get ended(): Promise<void> {
    return this.#engines.ended;
  }

  /** Runs `task` after those before it, whatever became of them. */
  inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async load(program: Buffer): Promise<void> {
    await this.#run(ENGINE_FRAME.load, [program], {});
  }

  /** Resolves with the handler's result as JSON. */
  async call(payload: readonly Buffer[], options: CallHandlerOptions): Promise<string> {
    return (await this.#run(ENGINE_FRAME.call, payload, options)).toString();
  }

  /** Null where the engine's own clock is right. */
  async #openCpuLimit(limitMs: number, payload: readonly Buffer[]): Promise<CpuLimit | null> {
    const clock = await this.#engines.current.openClock();
    // Killed meanwhile.
    if (this.isPoisoned) throw cancelled('it was killed');
    if (clock === null) return null;
    askAtCpuLimit(payload);
    return new CpuLimit(limitMs, clock);
  }

  /** Stops what runs. Nothing happens when nothing does. */
  interrupt(): void {
    if (!this.#isRunning) return;
    this.isPoisoned = true;
    this.#engines.current.interrupt();
  }

  snapshot(): Promise<SnapshotPlace> {
    return this.#engines.snapshot();
  }

  async restore(place: SnapshotPlace): Promise<void> {
    await this.#engines.restore(place);
    this.isPoisoned = false;
  }

  /** Returns where the snapshot of the saved machine waits now. */
  async restoreSaved(saved: SavedEngine): Promise<SnapshotPlace> {
    const place = await this.#engines.restoreSaved(saved);
    this.isPoisoned = false;
    return place;
  }

  /** Back to the runtime without handlers, in a new machine where the old one has ended. */
  async reset(): Promise<void> {
    await this.#engines.reset();
    this.isPoisoned = false;
  }

  forget(place: SnapshotPlace): void {
    void this.inOrder(() => this.#engines.forget(place));
  }

  async close(): Promise<void> {
    await this.#engines.close();
    await this.setup.network?.close();
  }

  /** Runs JavaScript: a LOAD or a CALL. */
  async #run(
    type: number,
    payload: readonly Buffer[],
    { wallClockTimeoutMs: wallMs, cpuTimeoutMs }: CallHandlerOptions,
  ): Promise<Buffer> {
    this.#isRunning = true;
    this.lastCallStats = NO_STATS;
    let cpuLimit: CpuLimit | null = null;
    try {
      if (cpuTimeoutMs !== undefined) {
        cpuLimit = await this.#openCpuLimit(cpuTimeoutMs, payload);
      }
      const limitMs = wallMs === undefined ? undefined : wallMs + GRACE_MS;
      const moreCpu = cpuLimit?.more;
      const frame = await this.#engines.current.request(type, payload, { limitMs, moreCpu });
      return this.#settle(frame, cpuLimit);
    } catch (error) {
      if (GondolinError.is(error) && error.code === 'ERR_GUEST_ABORT') this.isPoisoned = true;
      throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  #settle(frame: EngineFrame, cpuLimit: CpuLimit | null): Buffer {
    if (frame.type === ENGINE_FRAME.loaded) return frame.payload;
    if (
      ![ENGINE_FRAME.result, ENGINE_FRAME.failed, ENGINE_FRAME.died].some(
        (type) => type === frame.type,
      )
    ) {
      throw internal(`a reply of type ${frame.type}`);
    }
    const reply = withoutWaits(decodeCallReply(frame.payload), cpuLimit);
    this.lastCallStats = { ...reply.stats, terminatedBy: null };
    // Killed as it ended.
    if (this.isPoisoned && frame.type !== ENGINE_FRAME.died) throw cancelled('it was killed');
    if (frame.type === ENGINE_FRAME.failed) throw this.#failure(reply);
    if (frame.type === ENGINE_FRAME.died) throw this.#death(reply);
    return reply.rest;
  }

  #failure({ rest }: CallReply): GondolinError {
    const message = rest.toString('utf8', 1);
    if (rest[0] !== 1) return internal(message);
    this.isPoisoned = true;
    return new GondolinError('ERR_STACK_OVERFLOW', message);
  }

  #death({ rest, stats }: CallReply): GondolinError {
    this.isPoisoned = true;
    const death = DEATHS[rest[0] ?? 0] ?? 'crash';
    if (death === 'wall-clock' || death === 'cpu-time') {
      this.lastCallStats = { ...stats, terminatedBy: death };
      return cancelled(`it reached its ${death} limit`);
    }
    if (death === 'killed') return cancelled('it was killed');
    const reason = death === 'heap' ? 'the heap is exhausted' : 'the engine crashed';
    return new GondolinError('ERR_GUEST_ABORT', `the guest aborted: ${reason}`);
  }
}

function cancelled(why: string): GondolinError {
  return new GondolinError('ERR_CANCELLED', `execution was cancelled: ${why}`);
}

/** Corrects the CPU time of a reply: the guest also counts time in which the machine waited for the host. */
function withoutWaits(reply: CallReply, cpuLimit: CpuLimit | null): CallReply {
  if (cpuLimit === null) return reply;
  const cpuTimeMs = Math.min(reply.stats.cpuTimeMs, cpuLimit.ranMs);
  return { ...reply, stats: { ...reply.stats, cpuTimeMs } };
}
