import { GondolinError } from '../errors/gondolin-error.ts';
import { blockReason } from './audit/block-reason.ts';
import type { NetworkEvent, Transport } from './audit/network-event.ts';
import type { Refused } from './judge.ts';
import type { SecretStore } from './secret/secret-store.ts';
import type { Destination } from './tcp/dial.ts';
import type { SpliceResult } from './tcp/splice.ts';

/** What an event of a connection that carried no HTTP says of HTTP. */
const NO_REQUEST = {
  method: null,
  url: null,
  httpVersion: null,
  requestHeaders: [],
  statusCode: null,
} as const;

/** Tells what becomes of one connection of the guest, as events. */
export class ConnectionRecord {
  readonly #to: Destination;
  readonly #id: number;
  readonly #emit: (event: NetworkEvent) => void;
  #openedMs = 0;

  constructor(to: Destination, id: number, emit: (event: NetworkEvent) => void) {
    this.#to = to;
    this.#id = id;
    this.#emit = emit;
  }

  /** @param address  The one that was dialled; null when none was, or when each request has its own. */
  open(transport: Transport, address: string | null): void {
    this.#openedMs = Date.now();
    const place = this.#place(transport);
    this.#emit({ kind: 'connection', timestampMs: this.#openedMs, ...place, address });
  }

  /** After `open`. */
  end(transport: Transport, { error, ...bytes }: SpliceResult): void {
    const timestampMs = Date.now();
    this.#emit({
      kind: 'connection_end',
      timestampMs,
      ...this.#place(transport),
      ...bytes,
      durationMs: timestampMs - this.#openedMs,
      error: error === null ? null : error.message,
    });
  }

  blocked(transport: Transport, { reason, rule, suggestion }: Refused): void {
    this.#emit({
      kind: 'blocked',
      timestampMs: Date.now(),
      host: this.#to.name,
      port: this.#to.port,
      transport,
      ...NO_REQUEST,
      reason: blockReason(reason) ?? 'protocol',
      rule,
      suggestion,
    });
  }

  /** Tells of a placeholder in raw bytes; of any other error, and of none, nothing. */
  leaked(error: Error | null, secrets: SecretStore | null): void {
    if (!GondolinError.is(error) || error.code !== 'NET_SECRET_LEAK') return;
    const secret = String(error.details?.['name'] ?? '');
    const { name: host, port } = this.#to;
    this.#emit({
      kind: 'secret_leak',
      timestampMs: Date.now(),
      secret,
      place: 'tcp',
      reason: secrets?.leakReason(secret, { host, port, isTls: true }) ?? 'place',
      host,
      port,
      transport: 'tcp',
      ...NO_REQUEST,
    });
  }

  #place(transport: Transport) {
    const { name, isLiteral, port } = this.#to;
    return { connectionId: this.#id, host: isLiteral ? null : name, port, transport };
  }
}
