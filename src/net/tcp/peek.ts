import type { Duplex } from 'node:stream';
import { MAX_PEEK_BYTES, PEEK_COMPLETE_MS } from '../limits.ts';
import { classifyFirstBytes, type FirstBytes } from './first-bytes.ts';

/** `silent`: no byte came in time. `ended`: the guest closed before enough bytes; `head` is what it had sent. */
export type Peeked =
  | Exclude<FirstBytes, { kind: 'more' }>
  | { readonly kind: 'silent' }
  | { readonly kind: 'ended'; readonly head: Buffer };

/**
 * Reads the start of a connection and puts every byte back (except for `ended`). Leaves the stream paused and without
 * our listeners. Never rejects.
 *
 * @param as  `firstByteMs`: how long the guest may stay silent before it is `silent`. `isRawPossible`: see
 *   `classifyFirstBytes`. `signal`: ends it early as `silent`.
 */
export function peek(
  stream: Duplex,
  as: {
    readonly firstByteMs: number;
    readonly isRawPossible: boolean;
    readonly signal?: AbortSignal;
  },
): Promise<Peeked> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    let timer = setTimeout(() => finish({ kind: 'silent' }), as.firstByteMs);
    const finish = (result: Peeked): void => {
      clearTimeout(timer);
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      as.signal?.removeEventListener('abort', onAbort);
      if (bytes.length > 0 && result.kind !== 'ended' && !stream.destroyed) stream.unshift(bytes);
      // Node decides on flowing mode a tick after the last 'readable' listener went.
      setImmediate(() => resolve(result));
    };
    const onAbort = (): void => finish({ kind: 'silent' });
    const onEnd = (): void => finish({ kind: 'ended', head: bytes });
    const take = (chunk: Buffer): FirstBytes => {
      if (bytes.length === 0) {
        clearTimeout(timer);
        timer = setTimeout(() => finish({ kind: 'other' }), PEEK_COMPLETE_MS);
      }
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const result = classifyFirstBytes(bytes, as.isRawPossible);
      const isFull = result.kind === 'more' && bytes.length >= MAX_PEEK_BYTES;
      return isFull ? { kind: 'other' } : result;
    };
    const onReadable = (): void => {
      // Until null: since Node 26 one read returns one of the chunks that wait, and no event follows for the others.
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
        const result = take(chunk);
        if (result.kind !== 'more') {
          finish(result);
          return;
        }
      }
    };
    stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd);
    as.signal?.addEventListener('abort', onAbort);
    if (as.signal?.aborted === true) onAbort();
    if (stream.destroyed || stream.readableEnded) onEnd();
  });
}
