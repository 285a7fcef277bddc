import { GondolinError } from '../errors/gondolin-error.ts';
import type { CallStats } from './call-stats.ts';
import { Engine } from './engine/engine.ts';
import type { EngineChannel } from './engine/engine-channel.ts';
import { internal } from './errors.ts';
import type { HostFunctions } from './host-functions.ts';
import type { SandboxSizes } from './sizes.ts';
import { ENGINE_FRAME, type EngineFrame, encodeU32 } from './wire/engine-frame.ts';
import { type CallReply, DEATHS, decodeCallReply } from './wire/reply.ts';

/** Settings of one `build()`. */
export interface SandboxSetup {
  readonly sizes: SandboxSizes;
  readonly host: HostFunctions;
  readonly print: (text: string, isError: boolean) => void;
  /** Starts a machine with a gondolin-js in it. */
  readonly open: (sizes: SandboxSizes) => Promise<EngineChannel>;
}

/** Beyond a call's own limit: a guest that has not replied by then does not keep to its limits. */
const GRACE_MS = 5_000;
const NO_STATS: CallStats = { wallClockMs: 0, cpuTimeMs: 0, heapBytes: 0, terminatedBy: null };
/** The runtime without handlers. */
const BARE = 0;

/** The machine that the objects of one `build()` share, and the order of requests to it. */
export class SandboxCore {
  readonly setup: SandboxSetup;
  #engine: Engine;
  #queue: Promise<unknown> = Promise.resolve();
  #lastId = BARE;
  /** The engine cannot be used before a snapshot is restored. */
  isPoisoned = false;
  #isRunning = false;
  lastCallStats: CallStats = NO_STATS;

  private constructor(setup: SandboxSetup, engine: Engine) {
    this.setup = setup;
    this.#engine = engine;
  }

  /** @throws {GondolinError} ERR_GUEST_ABORT, and what starting a VM throws. */
  static async start(setup: SandboxSetup): Promise<SandboxCore> {
    return new SandboxCore(setup, await openEngine(setup));
  }

  /** Runs `task` after those before it, whatever became of them. */
  inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async load(program: Buffer): Promise<void> {
    await this.#run(ENGINE_FRAME.load, [program], undefined);
  }

  /** Resolves with the handler's result as JSON. */
  async call(payload: readonly Buffer[], wallMs: number | undefined): Promise<string> {
    return (await this.#run(ENGINE_FRAME.call, payload, wallMs)).toString();
  }

  /** Stops what runs. Nothing happens when nothing does. */
  interrupt(): void {
    if (!this.#isRunning) return;
    this.isPoisoned = true;
    this.#engine.interrupt();
  }

  async snapshot(): Promise<number> {
    const id = ++this.#lastId;
    expectReply(
      await this.#engine.request(ENGINE_FRAME.snapshot, [encodeU32(id)]),
      ENGINE_FRAME.snapshotted,
    );
    return id;
  }

  async restore(id: number): Promise<void> {
    expectReply(
      await this.#engine.request(ENGINE_FRAME.restore, [encodeU32(id)]),
      ENGINE_FRAME.ready,
    );
    this.isPoisoned = false;
  }

  /** Back to the runtime without handlers, in a new machine where the old one has ended. */
  async reset(): Promise<void> {
    try {
      await this.restore(BARE);
    } catch {
      await this.#engine.close();
      this.#engine = await openEngine(this.setup);
      this.isPoisoned = false;
    }
  }

  forget(id: number): void {
    void this.inOrder(async () => this.#engine.forget(id));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  /** Runs JavaScript: a LOAD or a CALL. */
  async #run(
    type: number,
    payload: readonly Buffer[],
    wallMs: number | undefined,
  ): Promise<Buffer> {
    this.#isRunning = true;
    this.lastCallStats = NO_STATS;
    try {
      const limitMs = wallMs === undefined ? undefined : wallMs + GRACE_MS;
      return this.#settle(await this.#engine.request(type, payload, limitMs));
    } catch (error) {
      if (GondolinError.is(error) && error.code === 'ERR_GUEST_ABORT') this.isPoisoned = true;
      throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  #settle(frame: EngineFrame): Buffer {
    if (frame.type === ENGINE_FRAME.loaded) return frame.payload;
    if (
      ![ENGINE_FRAME.result, ENGINE_FRAME.failed, ENGINE_FRAME.died].some(
        (type) => type === frame.type,
      )
    ) {
      throw internal(`a reply of type ${frame.type}`);
    }
    const reply = decodeCallReply(frame.payload);
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

function expectReply(frame: EngineFrame, type: number): void {
  if (frame.type === type) return;
  const isRefusal = frame.type === ENGINE_FRAME.refused;
  throw internal(isRefusal ? frame.payload.toString() : `a reply of type ${frame.type}`);
}

async function openEngine({ sizes, host, print, open }: SandboxSetup): Promise<Engine> {
  const engine = new Engine(await open(sizes), {
    call: (module, name, args) => host.call(module, name, args),
    print,
  });
  try {
    expectReply(await engine.ready(), ENGINE_FRAME.ready);
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
