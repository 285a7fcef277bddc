import { GondolinError } from '../../../errors/gondolin-error.ts';
import { endToEnd, fieldValues } from '../fields.ts';
import type { HttpServices } from '../request-context.ts';
import type { ResponseHead } from '../upstream/upstream-call.ts';
import { headerList } from './audit/request-events.ts';
import { HookSink } from './hooks/hook-sink.ts';
import { type AnswerSink, type GuardingOwner, ScrubSink } from './response-sink.ts';

/** Advertises other addresses or QUIC: a guest that followed it would only find it closed. */
export const NOT_FOR_GUESTS: ReadonlySet<string> = new Set(['alt-svc']);

/** What decides about the stages of a response. */
export interface AnswerPlan {
  readonly method: string;
  /** What the request hooks made of the request; null: none was shown. */
  readonly hookRequest: Request | null;
  /** Names of the secrets to look for. */
  readonly scrub: readonly string[];
  readonly services: Pick<HttpServices, 'secrets' | 'hooks'>;
}

/** Builds the stages from the server to the guest's sink: scrub, then `onResponse`. */
export function answerPath(
  guestSink: AnswerSink,
  owner: GuardingOwner,
  head: ResponseHead,
  { method, hookRequest, scrub, services }: AnswerPlan,
): AnswerSink {
  const { secrets, hooks } = services;
  const sink =
    hooks?.onResponse === undefined || hookRequest === null
      ? guestSink
      : new HookSink(guestSink, owner, hooks.onResponse, hookRequest);
  if (scrub.length === 0 || secrets === null) return sink;
  const hasBody = method !== 'HEAD' && head.status !== 204 && head.status !== 304;
  const headers = headerList(endToEnd(head.fields, NOT_FOR_GUESTS));
  return new ScrubSink(sink, owner, secrets.planResponse(scrub, { headers, hasBody }));
}

/** True for an informational status that says something about the response that will come. */
export function isHint(status: number): boolean {
  return status > 101 && status < 200;
}

/**
 * What is coded otherwise would pass the scrubber, and reach the guest without the field that says so.
 *
 * @throws {GondolinError} NET_UPSTREAM_INVALID for a response in a transfer coding other than `chunked`.
 */
export function assertChunked({ fields }: ResponseHead, server: string): void {
  const codings = fieldValues(fields, 'transfer-encoding').join(',').trim().toLowerCase();
  if (codings === '' || codings === 'chunked') return;
  const message = `${server} used a transfer coding other than chunked`;
  throw new GondolinError('NET_UPSTREAM_INVALID', message);
}
