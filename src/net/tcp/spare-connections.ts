import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Destination } from '../destination.ts';
import { SPARE_CONNECTION_MS } from '../limits.ts';

function destinationKey({ name, isLiteral, port }: Destination): string {
  return `${isLiteral ? 'address' : 'name'} ${name} ${port}`;
}

/**
 * Servers that are known to be reachable because a connection to them is open, and connections that were dialled only to
 * find that out: the next dial to the same destination takes one. Each was judged for its destination.
 */
export class SpareConnections {
  readonly #openCounts = new Map<string, number>();
  readonly #spares = new Map<string, Set<Socket>>();
  readonly #dials = new Map<string, Promise<void>>();
  #epoch = 0;

  /** Notes a connection that was just opened. */
  opened(to: Destination, socket: Socket): void {
    const key = destinationKey(to);
    this.#openCounts.set(key, (this.#openCounts.get(key) ?? 0) + 1);
    socket.once('close', () => {
      const left = (this.#openCounts.get(key) ?? 1) - 1;
      if (left > 0) this.#openCounts.set(key, left);
      else this.#openCounts.delete(key);
      this.#remove(key, socket);
    });
  }

  /** Resolves when the destination is known to be reachable; rejects as `dial`, which runs once for all concurrent callers. */
  reach(to: Destination, guest: Duplex, dial: () => Promise<Socket>): Promise<void> {
    const key = destinationKey(to);
    if (this.#openCounts.has(key)) return Promise.resolve();
    const running = this.#dials.get(key);
    if (running !== undefined) return running;
    const epoch = this.#epoch;
    const result = dial()
      .then((socket) => {
        if (guest.destroyed || epoch !== this.#epoch) socket.destroy();
        else this.#keep(key, socket, guest);
      })
      .finally(() => this.#dials.delete(key));
    this.#dials.set(key, result);
    return result;
  }

  /** Closes the connections that are kept, and later those that are being dialled for that. */
  drop(): void {
    this.#epoch += 1;
    const kept = [...this.#spares.values()].flatMap((spares) => [...spares]);
    this.#spares.clear();
    for (const socket of kept) socket.destroy();
  }

  /** Keeps a connection for the next `take`, for as long as another is open and at most SPARE_CONNECTION_MS. */
  #keep(key: string, socket: Socket, whileOpen: Duplex): void {
    const spares = this.#spares.get(key) ?? new Set();
    this.#spares.set(key, spares.add(socket));
    const drop = (): void => {
      clearTimeout(timer);
      whileOpen.off('close', drop);
      if (this.#remove(key, socket)) socket.destroy();
    };
    const timer = setTimeout(drop, SPARE_CONNECTION_MS);
    whileOpen.once('close', drop);
    socket.once('close', drop);
  }

  /** @param allowHalfOpen  See `DialOptions`. */
  take(to: Destination, allowHalfOpen: boolean): Socket | null {
    const key = destinationKey(to);
    for (const socket of this.#spares.get(key) ?? []) {
      this.#remove(key, socket);
      if (socket.destroyed || socket.readableEnded) continue;
      socket.allowHalfOpen = allowHalfOpen;
      return socket;
    }
    return null;
  }

  #remove(key: string, socket: Socket): boolean {
    const spares = this.#spares.get(key);
    const isKept = spares?.delete(socket) === true;
    if (spares?.size === 0) this.#spares.delete(key);
    return isKept;
  }
}
