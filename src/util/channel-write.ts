import type { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';

/**
 * Writes one chunk and waits until it has been sent. ssh2 never calls back for a chunk of a channel that closes meanwhile.
 * @param channel  Emits `close`; `to` may be its stderr, which does not.
 * @returns False once the channel is closed.
 */
export function writeChunk(to: Writable, chunk: Buffer | string, channel: EventEmitter) {
  return new Promise<boolean>((resolve) => {
    const onClose = (): void => resolve(false);
    channel.once('close', onClose);
    to.write(chunk, (error) => {
      channel.off('close', onClose);
      resolve(error === null || error === undefined);
    });
  });
}

/** Copies a stream into a channel, at the pace of the slower side, and leaves the channel open. Rejects as `from` fails. */
export async function copyInto(from: Readable, to: Writable, channel: EventEmitter): Promise<void> {
  // Leaving the loop must not close a channel whose other direction is in use.
  for await (const chunk of from.iterator({ destroyOnReturn: false })) {
    if (!(await writeChunk(to, chunk as Buffer, channel))) return;
  }
}
