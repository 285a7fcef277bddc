import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Ends a stream at once. A TCP connection is reset, so that its peer does not take what it has for all there is. */
export function resetStream(stream: Duplex): void {
  if (stream instanceof Socket && !stream.connecting) stream.resetAndDestroy();
  else stream.destroy();
}

/** Returns true for a stream whose two directions both reached their end. */
function isComplete(stream: Duplex): boolean {
  return stream.readableEnded && stream.writableFinished;
}

function closeWith(stream: Duplex, other: Duplex): void {
  stream.on('error', () => resetStream(other));
  stream.once('close', () => {
    if (!isComplete(stream)) resetStream(other);
  });
}

/**
 * Carries bytes both ways between two streams that allow half-open connections. The end of one direction is passed on and leaves the
 * other open; a stream that fails or is destroyed resets the other.
 */
export function relay(a: Duplex, b: Duplex): void {
  closeWith(a, b);
  closeWith(b, a);
  if (a.destroyed || b.destroyed) {
    resetStream(a);
    resetStream(b);
    return;
  }
  a.pipe(b);
  b.pipe(a);
}
