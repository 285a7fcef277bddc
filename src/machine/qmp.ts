import type { Duplex } from 'node:stream';
import { GondolinError } from '../errors/gondolin-error.ts';
import {
  isQmpMessage,
  QmpLineDecoder,
  type QmpMessage,
  qmpProtocolError,
} from './qmp-line-decoder.ts';

/** Starting QEMU with a large initramfs on a busy host takes a few seconds. */
const GREETING_LIMIT_MS = 20_000;
const COMMAND_LIMIT_MS = 10_000;

/** An asynchronous message of QEMU, e.g. `{name: 'SHUTDOWN', data: {guest: true}}`. */
export interface QmpEvent {
  readonly name: string;
  readonly data: QmpMessage;
}

export interface QmpLimits {
  /** @default 20 s for the greeting, 10 s for a command */
  readonly timeoutMs?: number;
}

interface Pending {
  readonly command: string;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: GondolinError) => void;
}

/**
 * Client of QEMU's monitor over one byte channel. States: waiting for the greeting → ready → ended. A violation of the
 * protocol ends it: pending and later commands fail with that error, and the channel is destroyed.
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export class QmpClient {
  /** Resolves with the error that ended the session. Never rejects. */
  readonly closed: Promise<GondolinError>;
  readonly #channel: Duplex;
  readonly #decoder = new QmpLineDecoder();
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #lastId = 0;
  #ended: GondolinError | undefined;
  #resolveClosed: (error: GondolinError) => void = () => undefined;
  #onGreeting: ((greeting: QmpMessage) => void) | undefined;
  readonly #greeted: Promise<void>;
  #negotiated: Promise<void> | null = null;
  #isNegotiated = false;

  private constructor(channel: Duplex, limits: QmpLimits) {
    this.#channel = channel;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    channel.on('data', (chunk: Buffer) => this.#receive(chunk));
    channel.on('error', (cause) => this.#end(closedError(cause)));
    channel.on('close', () => this.#end(closedError()));
    channel.on('end', () => this.#end(closedError()));
    this.#greeted = this.#greeting(limits.timeoutMs ?? GREETING_LIMIT_MS);
    // Who sends no command learns of the end by `closed`.
    this.#greeted.catch(() => undefined);
  }

  /**
   * Returns a client that negotiates capabilities before its first command: QEMU reads its monitor byte by byte, while it still
   * starts.
   */
  static open(channel: Duplex, limits: QmpLimits = {}): QmpClient {
    return new QmpClient(channel, limits);
  }

  /**
   * Waits for the greeting and negotiates capabilities.
   * @throws {GondolinError} MACHINE_QMP_TIMEOUT, MACHINE_QMP_CLOSED, MACHINE_QMP_PROTOCOL, MACHINE_QMP_FAILED.
   */
  static async connect(channel: Duplex, limits: QmpLimits = {}): Promise<QmpClient> {
    const client = QmpClient.open(channel, limits);
    await client.#negotiate(limits);
    return client;
  }

  /**
   * Runs one command and returns its `return` value, which the caller checks.
   * @throws {GondolinError} MACHINE_QMP_FAILED when QEMU refuses, else as `connect`.
   */
  execute(command: string, args: QmpMessage = {}, limits: QmpLimits = {}): Promise<unknown> {
    if (this.#isNegotiated) return this.#send(command, args, limits);
    return this.#negotiate(limits).then(() => this.#send(command, args, limits));
  }

  #negotiate(limits: QmpLimits): Promise<void> {
    this.#negotiated ??= this.#greeted.then(async () => {
      await this.#send('qmp_capabilities', {}, limits);
      this.#isNegotiated = true;
    });
    return this.#negotiated;
  }

  #send(command: string, args: QmpMessage, limits: QmpLimits): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    const timeoutMs = limits.timeoutMs ?? COMMAND_LIMIT_MS;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(timeoutError(`the response to ${command}`, timeoutMs));
      }, timeoutMs);
      this.#pending.set(id, { command, timer, resolve, reject });
      this.#channel.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Calls `listener` for each further event until the returned function is called. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the session; pending commands fail with MACHINE_QMP_CLOSED. QEMU keeps running. */
  close(): void {
    this.#end(closedError());
  }

  async #greeting(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#end(timeoutError('the greeting', timeoutMs));
      }, timeoutMs);
      this.#pending.set(0, { command: 'greeting', timer, resolve: () => resolve(), reject });
      this.#onGreeting = () => this.#settle(0)?.resolve(undefined);
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#ended !== undefined) return;
    try {
      for (const message of this.#decoder.push(chunk)) this.#dispatch(message);
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      this.#end(error);
    }
  }

  #dispatch(message: QmpMessage): void {
    if (this.#onGreeting !== undefined) {
      if (!('QMP' in message)) throw qmpProtocolError('no greeting');
      const greet = this.#onGreeting;
      this.#onGreeting = undefined;
      greet(message);
    } else if (typeof message['event'] === 'string') {
      const data = isQmpMessage(message['data']) ? message['data'] : {};
      for (const listener of this.#listeners) listener({ name: message['event'], data });
    } else if ('return' in message || 'error' in message) {
      this.#receiveResponse(message);
    } else {
      throw qmpProtocolError('neither an event nor a response');
    }
  }

  #receiveResponse(message: QmpMessage): void {
    const { id } = message;
    // An error without an id is about a line that QEMU could not parse. Ours are well-formed, so the channel is broken.
    if (typeof id !== 'number' || id < 1 || id > this.#lastId) throw qmpProtocolError('unknown id');
    const pending = this.#settle(id);
    // The command timed out before its response arrived.
    if (pending === undefined) return;
    if ('return' in message) pending.resolve(message['return']);
    else pending.reject(refusedError(pending.command, message['error']));
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  #end(error: GondolinError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#resolveClosed(error);
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
    this.#channel.destroy();
  }
}

function closedError(cause?: Error): GondolinError {
  const facts = cause === undefined ? {} : { cause };
  return new GondolinError('MACHINE_QMP_CLOSED', "QEMU's monitor is closed", facts);
}

function timeoutError(what: string, timeoutMs: number): GondolinError {
  const message = `QEMU's monitor did not send ${what} within ${timeoutMs} ms`;
  return new GondolinError('MACHINE_QMP_TIMEOUT', message, { details: { timeoutMs } });
}

const MAX_REASON_CHARACTERS = 400;

function refusedError(command: string, error: unknown): GondolinError {
  const description = isQmpMessage(error) ? error['desc'] : undefined;
  const reason = typeof description === 'string' ? description : 'no reason given';
  const shown = reason.slice(0, MAX_REASON_CHARACTERS).replace(/[^\x20-\x7e]/g, '?');
  return new GondolinError('MACHINE_QMP_FAILED', `QEMU refused ${command}: ${shown}`, {
    details: { command },
  });
}
