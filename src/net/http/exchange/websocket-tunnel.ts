import type { Duplex } from 'node:stream';
import type { RequestPlace } from '../../secret/header-list.ts';
import type { SecretStore } from '../../secret/secret-store.ts';
import { type SpliceResult, splice } from '../../tcp/splice.ts';
import { endToEnd, type Fields, flatList } from '../fields.ts';
import type { GuestUpgrade } from '../guest-request.ts';
import type { ResponseHead } from '../upstream/upstream-call.ts';
import { headerList } from './audit/request-events.ts';

/** What is looked for in a tunnel. */
export interface TunnelWatch {
  /** null: nothing is looked for. */
  readonly secrets: SecretStore | null;
  /** Names of the secrets whose values the server must not send back. */
  readonly scrub: readonly string[];
  readonly to: RequestPlace;
}

/**
 * Accepts a WebSocket handshake that the server has accepted, and carries bytes until both sides have closed.
 *
 * @returns The fields that the guest got; `ended` never rejects.
 * @throws {TypeError} when a field of the server cannot stand in a head.
 */
export function openTunnel(
  guest: GuestUpgrade,
  head: ResponseHead,
  upstream: Duplex,
  { secrets, scrub, to }: TunnelWatch,
): { readonly fields: Fields; readonly ended: Promise<SpliceResult> } {
  const kept = endToEnd(head.fields);
  const plan = secrets?.planResponse(scrub, { headers: headerList(kept), hasBody: false });
  const fields = plan === undefined ? kept : flatList(plan.headers);
  const opened = guest.accept(head.statusText, fields);
  const outbound = secrets?.createWebSocketLeakScan(to) ?? null;
  const inbound = secrets?.createWebSocketScrub(scrub) ?? null;
  const ended = splice(opened.stream, upstream, { head: opened.head, outbound, inbound });
  return { fields, ended };
}
