import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Duplex } from 'node:stream';
import { splice } from '../../tcp/splice.ts';
import { type Fields, fieldPairs } from '../fields.ts';
import type { GuestResponse } from '../guest-request.ts';
import type { Attempt, ResponseHead, Tunnel } from '../response-handler.ts';
import type { GuestHttp1Connection, OpenResponse } from './guest-http1-connection.ts';

/** Bytes that a guest may send after its handshake before the response; more wait in its stream. */
const MAX_EARLY_BYTES = 64 * 1024;

/**
 * The guest's side of a WebSocket: the response to its handshake, then the tunnel to the server. Node has released the connection, so
 * both are written to the stream itself.
 */
export class WebSocketTunnel implements GuestResponse {
  readonly #stream: Duplex;
  readonly #connection: GuestHttp1Connection;
  readonly #open: OpenResponse;
  readonly #early: Buffer[] = [];
  readonly #onEarly = (chunk: Buffer): void => this.#keep(chunk);
  readonly #onDrain = (): void => this.#resume?.();
  readonly #onClose = (): void => this.#close();
  #earlyBytes = 0;
  #resume: (() => void) | null = null;
  #hasBegun = false;

  /** @param head  Bytes that the guest has sent after its handshake already. */
  constructor(connection: GuestHttp1Connection, open: OpenResponse, stream: Duplex, head: Buffer) {
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

  onReleased(listener: () => void): void {
    this.#stream.once('close', this.#connection.guard(listener));
  }

  onStart({ abort }: Attempt): void {
    this.#open.onGone = this.#connection.guard(abort);
  }

  dismiss(head: ResponseHead): void {
    this.onHead(head, () => undefined);
    this.onEnd();
  }

  onInformation(): void {
    // A handshake has no body to ask for, and a hint may always be left out.
  }

  onHead({ status, statusText, fields }: ResponseHead, resume: () => void): boolean {
    const head = renderHead(status, statusText, [...fields, 'connection', 'close']);
    this.#hasBegun = true;
    this.#resume = resume;
    this.#stream.write(head, 'latin1');
    return true;
  }

  onData(chunk: Buffer): boolean {
    this.#connection.moved();
    return this.#stream.write(chunk);
  }

  /** The end of the connection is the end of a body whose length no field gives. */
  onEnd(): void {
    this.#stream.end();
    this.#connection.end(this.#open);
  }

  /** Sends `101`, and carries bytes until both sides have closed. */
  onUpgrade({ statusText, fields }: ResponseHead, tunnel: Tunnel): void {
    const all = [...fields, 'connection', 'upgrade', 'upgrade', 'websocket'];
    const response = renderHead(101, statusText, all);
    this.#hasBegun = true;
    const stream = this.#stream;
    stream.off('data', this.#onEarly).off('drain', this.#onDrain).off('close', this.#onClose);
    stream.pause();
    this.#connection.leave();
    stream.write(response, 'latin1');
    const { outbound = null, inbound = null } = tunnel;
    const head = Buffer.concat(this.#early.splice(0));
    void splice(stream, tunnel.stream, { head, outbound, inbound }).then(tunnel.onEnd);
  }

  onError(): void {
    this.#connection.raw.destroy();
  }

  #keep(chunk: Buffer): void {
    // After the end of the response no more is wanted, but the guest's end must be seen.
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

/** @throws {TypeError} when a field or the status text cannot be in a head. */
function renderHead(status: number, statusText: string, fields: Fields): string {
  validateHeaderValue('status', statusText);
  let head = `HTTP/1.1 ${status} ${statusText}\r\n`;
  for (const [name, value] of fieldPairs(fields)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
