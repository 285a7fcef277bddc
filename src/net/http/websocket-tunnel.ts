import type { Duplex } from 'node:stream';
import type { PlaceholderIndex } from '../secret/placeholder-index.ts';
import type { ScrubPatterns } from '../secret/scrub-patterns.ts';
import { WebSocketLeakScanStream, WebSocketScrubStream } from '../secret/websocket-streams.ts';
import { type SpliceResult, splice } from '../tcp/splice.ts';

/** What is looked for in a tunnel; both null: bytes pass as they are. */
export interface TunnelWatch {
  /** Placeholders the guest must not send. */
  readonly index: PlaceholderIndex | null;
  /** Values the server must not send back. */
  readonly patterns: ScrubPatterns | null;
}

/** Carries a WebSocket after its handshake until both sides have closed. Never rejects. */
export function tunnelWebSocket(
  guest: { readonly stream: Duplex; readonly head: Buffer },
  upstream: Duplex,
  watch: TunnelWatch,
): Promise<SpliceResult> {
  const { index, patterns } = watch;
  const outbound = index === null || index.isEmpty ? null : new WebSocketLeakScanStream(index);
  const inbound = patterns === null ? null : new WebSocketScrubStream(patterns);
  return splice(guest.stream, upstream, { head: guest.head, outbound, inbound });
}
