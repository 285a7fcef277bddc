import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type Peeked, peek } from './peek.ts';

/** The longest time of a Node timer: practically forever. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns true for first bytes of TLS or HTTP. */
export function isWeb({ kind }: Peeked): boolean {
  return kind === 'tls' || kind === 'http1' || kind === 'http2';
}

/** Waits for the guest's first bytes; `silent` if the server speaks first or closes. Both streams keep their bytes. */
export async function firstToSpeak(guest: Duplex, server: Duplex): Promise<Peeked> {
  const abort = new AbortController();
  const onServer = (): void => abort.abort();
  server.once('readable', onServer).once('end', onServer).once('close', onServer);
  const { signal } = abort;
  const peeked = await peek(guest, { firstByteMs: MAX_TIMER_MS, isRawPossible: true, signal });
  server.off('readable', onServer).off('end', onServer).off('close', onServer);
  // Node decides on flowing mode a tick after the last 'readable' listener went.
  await setImmediate();
  return peeked;
}
