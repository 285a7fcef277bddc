import { GondolinError } from '../../errors/gondolin-error.ts';
import { FETCH_MODULE } from '../fetch/fetch-module.ts';
import type { SandboxSetup } from '../sandbox-setup.ts';
import { ENGINE_FRAME, encodeU32 } from '../wire/engine-frame.ts';
import { expectReply } from '../wire/expect-reply.ts';
import { Engine } from './engine.ts';
import type { EngineChannel, SavedEngine } from './engine-channel.ts';

/** The runtime without handlers: the snapshot that each engine starts from. */
const BARE = 0;

/** Where a snapshot waits. */
export interface SnapshotPlace {
  readonly engine: Engine;
  readonly id: number;
}

/** The machines of one `build()`: the one in use, and those that only snapshots of earlier ones are left in. */
export class Engines {
  /** Resolves once no machine is left. */
  readonly ended: Promise<void>;
  readonly #machines: LiveMachines;
  readonly #setup: SandboxSetup;
  #current: Engine;
  readonly #parked = new Set<Engine>();
  #lastId = BARE;
  #isClosed = false;

  private constructor(setup: SandboxSetup, current: Engine, machines: LiveMachines) {
    this.#setup = setup;
    this.#machines = machines;
    this.ended = machines.allEnded;
    this.#current = current;
  }

  /** @throws {GondolinError} ERR_GUEST_ABORT, and what starting a VM throws. */
  static async start(setup: SandboxSetup): Promise<Engines> {
    const machines = new LiveMachines();
    return new Engines(setup, await connect(setup, machines), machines);
  }

  get current(): Engine {
    return this.#current;
  }

  async snapshot(): Promise<SnapshotPlace> {
    const engine = this.#current;
    this.#lastId += 1;
    const place = { engine, id: this.#lastId };
    const reply = await engine.request(ENGINE_FRAME.snapshot, [encodeU32(place.id)]);
    expectReply(reply, ENGINE_FRAME.snapshotted);
    engine.snapshots.add(place.id);
    return place;
  }

  /** Forks the engine in use from a snapshot, wherever that waits. */
  async restore({ engine, id }: SnapshotPlace): Promise<void> {
    const reply = await engine.request(ENGINE_FRAME.restore, [encodeU32(id)]);
    expectReply(reply, ENGINE_FRAME.ready);
    await this.#use(engine);
  }

  /** Continues a saved machine, and restores its snapshot. Returns where that waits now. */
  async restoreSaved(saved: SavedEngine): Promise<SnapshotPlace> {
    const engine = await connect(this.#setup, this.#machines, saved);
    const place = { engine, id: saved.id };
    engine.keepOnly(place.id);
    this.#lastId = Math.max(this.#lastId, place.id);
    try {
      await this.restore(place);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return place;
  }

  /** Back to the runtime without handlers, in a new machine where the old one has ended. */
  async reset(): Promise<void> {
    try {
      await this.restore({ engine: this.#current, id: BARE });
    } catch {
      const opening = connect(this.#setup, this.#machines);
      await Promise.all([opening, this.#current.close()]);
      this.#current = await opening;
    }
  }

  /** Frees a snapshot, and the machine that was kept for it alone. */
  async forget({ engine, id }: SnapshotPlace): Promise<void> {
    engine.forget(id);
    if (engine.snapshots.size > 0 || !this.#parked.delete(engine)) return;
    await engine.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#current, ...this.#parked].map((engine) => engine.close()));
  }

  async #use(engine: Engine): Promise<void> {
    if (this.#isClosed) throw new GondolinError('ERR_GUEST_ABORT', 'the sandbox was closed');
    const last = this.#current;
    if (last === engine) return;
    this.#current = engine;
    this.#parked.delete(engine);
    if (last.hasEnded || last.snapshots.size === 0) await last.close();
    else this.#parked.add(last);
  }
}

/** Counts machines. It refers to none of them, so that those that nobody holds any more can end. */
class LiveMachines {
  #count = 0;
  #resolve: () => void = () => undefined;
  readonly allEnded: Promise<void> = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  /** Counts one from before its start until its end. */
  async add(opening: Promise<EngineChannel>): Promise<EngineChannel> {
    this.#count += 1;
    try {
      const channel = await opening;
      void channel.ended.then(() => this.#remove());
      return channel;
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  #remove(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#resolve();
  }
}

async function connect(
  setup: SandboxSetup,
  machines: LiveMachines,
  saved?: SavedEngine,
): Promise<Engine> {
  const { sizes, host, print, open, network } = setup;
  const channel = await machines.add(open(sizes, saved));
  const fetches = network?.openFetches(sizes) ?? null;
  return new Engine(channel, {
    call: (module, name, args) =>
      module === FETCH_MODULE && fetches !== null
        ? fetches.call(name, args)
        : host.call(module, name, args),
    print,
    settled: () => fetches?.cancelAll(),
  });
}
