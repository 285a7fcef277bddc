import type { NetworkEvent } from './audit/network-event.ts';
import { refusalEvent } from './audit/refusal-event.ts';
import type { Destination } from './destination.ts';
import type { Blocked, Leak } from './refusal/refusal.ts';
import type { SpliceResult } from './tcp/splice.ts';
import type { Transport } from './transport.ts';

/** The fields of a request in the event of a connection that carried none. */
const NO_REQUEST = {
  method: null,
  url: null,
  httpVersion: null,
  requestHeaders: [],
  statusCode: null,
} as const;

/** Emits the events of one connection of the guest. */
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

  /** @param address  The dialled one; null when none was, or when each request has its own. */
  open(transport: Transport, address: string | null): void {
    this.#openedMs = Date.now();
    const place = this.#place(transport);
    this.#emit({ kind: 'connection', timestampMs: this.#openedMs, ...place, address });
  }

  /** Emits the end of a connection. Call after `open`. */
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

  /** Emits the refusal of the connection, or of one command of it. */
  refused(transport: Transport, refusal: Blocked | Leak): void {
    const { name: host, port } = this.#to;
    const facts = { host, port, transport, ...NO_REQUEST };
    this.#emit(refusalEvent(refusal, facts));
  }

  /** Emits a command that is sent to an SSH server. */
  sshCommand(user: string, command: string): void {
    const { name: host, port } = this.#to;
    const facts = { connectionId: this.#id, host, port, user, command };
    this.#emit({ kind: 'ssh_command', timestampMs: Date.now(), ...facts });
  }

  #place(transport: Transport) {
    const { name, isLiteral, port } = this.#to;
    return { connectionId: this.#id, host: isLiteral ? null : name, port, transport };
  }
}
