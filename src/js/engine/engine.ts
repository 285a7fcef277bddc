import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  ENGINE_FRAME,
  type EngineFrame,
  encodeEngineFrame,
  encodeU32,
} from '../wire/engine-frame.ts';
import { EngineFrameDecoder } from '../wire/engine-frame-decoder.ts';
import { decodeHostCall } from '../wire/host-call.ts';
import { encodeHostValue } from '../wire/host-value.ts';
import type { EngineChannel, EngineClock } from './engine-channel.ts';

/** Requests of a guest while its JavaScript runs. */
export interface EngineHost {
  /** Calls a function of the host; what it throws is thrown in the guest. */
  call(module: string, name: string, args: readonly unknown[]): unknown;
  print(text: string, isError: boolean): void;
  /** The JavaScript has ended: nothing that `call` began is of use any more. */
  settled(): void;
}

type MoreCpu = (beforeMs: number) => number;

/** Options of a request. */
export interface RequestOptions {
  /** A guest that has not replied by then is taken for broken. */
  readonly limitMs?: number | undefined;
  /** Gives microseconds when the engine has used its CPU limit, as the guest counts. A guest that asks without one is broken. */
  readonly moreCpu?: MoreCpu | undefined;
}

interface Waiting {
  readonly moreCpu: MoreCpu | undefined;
  resolve(frame: EngineFrame): void;
  reject(error: GondolinError): void;
}

/** Engines whose guest works for somebody: they stay, and Node waits for them. */
const busy = new Set<Engine>();

/** Guests of engines that nobody holds any more end. */
const forgotten = new FinalizationRegistry<EngineChannel>((channel) => void channel.close());

/** One request after another to a gondolin-js. A guest that breaks the protocol is closed. */
export class Engine {
  /** Ids of the snapshots that are kept in its guest. */
  readonly snapshots: Set<number> = new Set();
  readonly #channel: EngineChannel;
  readonly #host: EngineHost;
  #waiting: Waiting | null = null;
  #failure: GondolinError | null = null;
  #interrupting: Promise<void> = Promise.resolve();
  /** Replies so far: the result of a host function is for the request that called it. */
  #replies = 0;
  /** Work that Node waits for. */
  #keepers = 0;
  readonly #decoder = new EngineFrameDecoder();

  constructor(channel: EngineChannel, host: EngineHost) {
    this.#channel = channel;
    this.#host = host;
    // The guest's streams must not hold what its users have dropped.
    const weak = new WeakRef(this);
    channel.onOutput((chunk) => {
      const engine = weak.deref();
      if (engine !== undefined) engine.#receive(chunk);
    });
    void channel.ended.then((reason) => {
      const engine = weak.deref();
      if (engine !== undefined) engine.#fail(aborted(`the guest has ended: ${reason}`));
    });
    forgotten.register(this, channel, this);
  }

  get hasEnded(): boolean {
    return this.#failure !== null;
  }

  /**
   * Sends a request and resolves with its reply.
   * @throws {GondolinError} ERR_GUEST_ABORT when the guest has ended or breaks the protocol.
   */
  async request(
    type: number,
    payload: readonly Uint8Array[],
    { limitMs, moreCpu }: RequestOptions = {},
  ): Promise<EngineFrame> {
    // A signal that is still on its way would stop this request instead of the last.
    await this.#interrupting;
    const reply = this.#kept(this.#reply(moreCpu));
    void this.#send(encodeEngineFrame(type, ...payload));
    const late = () => this.#break('the guest does not reply');
    const timer = limitMs === undefined ? undefined : setTimeout(late, limitMs);
    return reply.finally(() => clearTimeout(timer));
  }

  /**
   * Saves the guest into an existing, empty directory. Not while a request waits for its reply.
   * @throws {GondolinError} ERR_GUEST_ABORT when it has ended; as `VM.save`.
   */
  async save(directory: string): Promise<void> {
    await this.#interrupting;
    if (this.#failure !== null) throw this.#failure;
    await this.#kept(this.#channel.save(directory));
  }

  /** Lets the guest end a snapshot's process. Not while a request waits for its reply. */
  forget(id: number): void {
    this.snapshots.delete(id);
    this.#tell(ENGINE_FRAME.forget, id);
  }

  /** Lets the guest end the processes of all snapshots but this one. Not while a request waits for its reply. */
  keepOnly(id: number): void {
    this.snapshots.clear();
    this.snapshots.add(id);
    this.#tell(ENGINE_FRAME.keep, id);
  }

  #tell(type: number, id: number): void {
    if (this.#failure === null) void this.#send(encodeEngineFrame(type, encodeU32(id)));
  }

  /** Stops the JavaScript that runs; the request's reply then says so. */
  interrupt(): void {
    if (this.#waiting === null) return;
    this.#interrupting = this.#channel
      .interrupt()
      .catch((error: unknown) => this.#break(`cannot be interrupted: ${String(error)}`));
  }

  /** Like `EngineChannel.openClock`; a machine that gives none is closed. */
  async openClock(): Promise<EngineClock | null> {
    try {
      return await this.#channel.openClock();
    } catch (error) {
      this.#break(`its machine gives no clock: ${String(error)}`);
      return null;
    }
  }

  close(): Promise<void> {
    forgotten.unregister(this);
    return this.#end('the sandbox was closed');
  }

  #reply(moreCpu: MoreCpu | undefined): Promise<EngineFrame> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise<EngineFrame>((resolve, reject) => {
      this.#waiting = { resolve, reject, moreCpu };
    });
  }

  /** Node waits for the guest until all such work is done. */
  #kept<T>(work: Promise<T>): Promise<T> {
    busy.add(this);
    this.#keepers++;
    this.#channel.keepAlive(true);
    return work.finally(() => {
      if (--this.#keepers > 0) return;
      busy.delete(this);
      this.#channel.keepAlive(false);
    });
  }

  async #send(bytes: Buffer): Promise<void> {
    try {
      await this.#channel.write(bytes);
    } catch (error) {
      this.#fail(aborted(`the guest has ended: ${String(error)}`));
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#failure !== null) return;
    try {
      for (const frame of this.#decoder.push(chunk)) this.#take(frame);
    } catch (error) {
      this.#break(`broken output: ${String(error)}`);
    }
  }

  #take(frame: EngineFrame): void {
    if (frame.type === ENGINE_FRAME.print) {
      this.#host.print(frame.payload.toString('utf8', 1), frame.payload[0] === 1);
    } else if (frame.type === ENGINE_FRAME.hostCall) {
      void this.#callHost(frame.payload);
    } else if (frame.type === ENGINE_FRAME.cpuLimit && this.#waiting?.moreCpu !== undefined) {
      const moreUs = this.#waiting.moreCpu(frame.payload.readUInt32LE(0) / 1000);
      void this.#send(encodeEngineFrame(ENGINE_FRAME.more, encodeU32(moreUs)));
    } else {
      const waiting = this.#waiting;
      this.#waiting = null;
      this.#replies += 1;
      this.#host.settled();
      if (waiting === null) this.#break(`a frame of type ${frame.type} that nobody asked for`);
      else waiting.resolve(frame);
    }
  }

  async #callHost(payload: Buffer): Promise<void> {
    try {
      const { module, name, args } = decodeHostCall(payload);
      const replies = this.#replies;
      const outcome = await this.#outcome(module, name, args);
      // The engine that called has ended meanwhile: the next one would take this for a request.
      if (this.#replies !== replies) return;
      await this.#send(encodeEngineFrame(ENGINE_FRAME.hostResult, outcome));
    } catch (error) {
      this.#break(`a broken call of the host: ${String(error)}`);
    }
  }

  /** Result or message of a host function, as the guest reads it. */
  async #outcome(module: string, name: string, args: readonly unknown[]): Promise<Buffer> {
    try {
      const value = encodeHostValue(await this.#host.call(module, name, args));
      return Buffer.concat([Uint8Array.of(0), value]);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return Buffer.concat([Uint8Array.of(1), encodeHostValue(message)]);
    }
  }

  #fail(error: GondolinError): void {
    this.#failure ??= error;
    this.#host.settled();
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }

  #break(problem: string): void {
    void this.#end(`the guest was stopped: ${problem}`);
  }

  /** Node waits for the machine's end, although the request that fails here no longer keeps it. */
  #end(reason: string): Promise<void> {
    this.#fail(aborted(reason));
    return this.#kept(this.#channel.close());
  }
}

function aborted(message: string): GondolinError {
  return new GondolinError('ERR_GUEST_ABORT', message);
}
