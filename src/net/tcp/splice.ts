import { Socket } from 'node:net';
import type { Duplex, Readable, Transform } from 'node:stream';
import { TLSSocket } from 'node:tls';

/** Bytes that went each way, as the guest saw them. */
export interface SpliceResult {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The reason for an early end, `null` when both sides closed in order. */
  readonly error: Error | null;
}

export interface SpliceOptions {
  /** Bytes that the guest has already sent. */
  readonly head?: Buffer | null;
  /** Stage between guest and server; its error resets both sides. */
  readonly outbound?: Transform | null;
  /** Stage between server and guest. */
  readonly inbound?: Transform | null;
}

/**
 * Joins two byte streams until both directions have ended. The end of one half ends the other side's half; an error or an
 * early close on one side resets the other. A slow reader slows its writer down. Never rejects.
 */
export function splice(
  guest: Duplex,
  upstream: Duplex,
  options: SpliceOptions = {},
): Promise<SpliceResult> {
  const { head = null, outbound = null, inbound = null } = options;
  return new Promise((resolve) => {
    let sentBytes = head?.length ?? 0;
    let receivedBytes = 0;
    let openSides = 2;
    let firstError: Error | null = null;
    const closed = (side: Duplex, other: Duplex, error: Error | null): void => {
      firstError ??= error;
      const isInOrder = side.readableEnded && side.writableFinished && error === null;
      if (!isInOrder && !other.destroyed) reset(other);
      openSides -= 1;
      if (openSides > 0) return;
      outbound?.destroy();
      inbound?.destroy();
      resolve({ sentBytes, receivedBytes, error: firstError });
    };
    const failed = (error: Error): void => {
      firstError ??= error;
      reset(guest);
      reset(upstream);
    };
    watch(guest, (error) => closed(guest, upstream, error));
    watch(upstream, (error) => closed(upstream, guest, error));
    guest.on('data', (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    const toGuest = through(upstream, inbound, failed);
    toGuest.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    if (head !== null && head.length > 0) (outbound ?? upstream).write(head);
    through(guest, outbound, failed).pipe(upstream);
    toGuest.pipe(guest);
  });
}

function through(from: Duplex, stage: Transform | null, failed: (error: Error) => void): Readable {
  if (stage === null) return from;
  stage.on('error', failed);
  return from.pipe(stage);
}

function watch(side: Duplex, closed: (error: Error | null) => void): void {
  let error: Error | null = null;
  side.on('error', (reason) => {
    error ??= reason;
  });
  if (side.destroyed) closed(side.errored);
  else side.once('close', () => closed(error));
}

/** Resets a connection: a TCP socket sends RST, a guest stream `RESET`. Never throws. */
export function reset(stream: Duplex): void {
  const isTcp = stream instanceof Socket && !(stream instanceof TLSSocket);
  // libuv refuses to reset a socket while it ends its half, and Node then never closes it.
  const isEnding = stream.writableEnded && !stream.writableFinished;
  if (isTcp && !isEnding) stream.resetAndDestroy();
  else stream.destroy();
}
