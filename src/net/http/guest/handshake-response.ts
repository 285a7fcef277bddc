import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Fields } from '../fields.ts';
import type { GuestAnswer } from '../guest-request.ts';
import type { GuestHttp1Connection, OpenAnswer } from './guest-http1-connection.ts';

/** What a guest may send behind its handshake before the response; more waits in its stream. */
const MAX_EARLY_BYTES = 64 * 1024;

/** The response to a WebSocket handshake. Node has let go of the connection, so it is written to the stream itself. */
export class HandshakeAnswer implements GuestAnswer {
  readonly #stream: Duplex;
  readonly #connection: GuestHttp1Connection;
  readonly #open: OpenAnswer;
  readonly #early: Buffer[] = [];
  readonly #onEarly = (chunk: Buffer): void => this.#keep(chunk);
  readonly #onDrain = (): void => this.#drain?.();
  readonly #onClose = (): void => this.#close();
  #earlyBytes = 0;
  #drain: (() => void) | null = null;
  #hasBegun = false;

  /** @param head  What the guest had sent behind its handshake already. */
  constructor(connection: GuestHttp1Connection, open: OpenAnswer, stream: Duplex, head: Buffer) {
    this.#connection = connection;
    this.#open = open;
    this.#stream = stream;
    this.#keep(head);
    // Read on, so that the guest's end is seen.
    stream.on('data', this.#onEarly).on('drain', this.#onDrain).once('close', this.#onClose);
    stream.on('error', () => undefined);
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  listen(listeners: { onDrain: () => void; onGone: () => void }): void {
    this.#drain = listeners.onDrain;
    this.#open.onGone = this.#connection.guard(listeners.onGone);
  }

  onReleased(listener: () => void): void {
    this.#stream.once('close', this.#connection.guard(listener));
  }

  dismiss(status: number, statusText: string, fields: Fields): void {
    this.begin(status, statusText, fields);
    this.end();
  }

  inform(): void {
    // A hint may always be left out.
  }

  invite(): void {
    // A handshake has no body.
  }

  begin(status: number, statusText: string, fields: Fields): void {
    const head = renderHead(status, statusText, [...fields, 'connection', 'close']);
    this.#hasBegun = true;
    this.#stream.write(head, 'latin1');
  }

  write(chunk: Buffer): boolean {
    this.#connection.moved();
    return this.#stream.write(chunk);
  }

  /** Its length is the connection's end where no field says it. */
  end(): void {
    this.#stream.end();
    this.#connection.end(this.#open);
  }

  reset(): void {
    this.#connection.raw.destroy();
  }

  /** Sends `101` and hands over the bytes of both directions; `head`: what the guest has sent already. */
  accept(statusText: string, fields: Fields): { readonly stream: Duplex; readonly head: Buffer } {
    const all = [...fields, 'connection', 'upgrade', 'upgrade', 'websocket'];
    const head = renderHead(101, statusText, all);
    this.#hasBegun = true;
    const stream = this.#stream;
    stream.off('data', this.#onEarly).off('drain', this.#onDrain).off('close', this.#onClose);
    stream.pause();
    this.#connection.leave();
    stream.write(head, 'latin1');
    return { stream, head: Buffer.concat(this.#early.splice(0)) };
  }

  #keep(chunk: Buffer): void {
    // After the end of the response nobody wants more, but the guest's end must be seen.
    if (chunk.length === 0 || this.#stream.writableEnded) return;
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes >= MAX_EARLY_BYTES) this.#stream.pause();
  }

  #close(): void {
    this.#early.length = 0;
    this.#open.onGone?.();
    this.#connection.end(this.#open);
  }
}

/** @throws {TypeError} when a field or the status text cannot stand in a head. */
function renderHead(status: number, statusText: string, fields: Fields): string {
  validateHeaderValue('status', statusText);
  let head = `HTTP/1.1 ${status} ${statusText}\r\n`;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = fields.slice(at, at + 2);
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
