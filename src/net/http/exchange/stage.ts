import type { ResponseHandler } from '../response-handler.ts';
import type { Exchange } from './exchange.ts';
import type { OutgoingRequest } from './outgoing-request.ts';

/** A request between two stages. A stage passes a changed copy on. */
export interface StagedRequest extends OutgoingRequest {
  readonly exchange: Exchange;
  /** The guest waits for `100 Continue`, and nobody has asked for the body yet. */
  readonly expectsContinue: boolean;
}

/** Gets a request its response. Failures go to the handler; a throw is a failure of ours. */
export type Dispatch = (request: StagedRequest, handler: ResponseHandler) => void;

/**
 * One step between the guest and its server: it sees the request on its way out, and the response on its way
 * back where it wraps the handler. It may respond itself, or call `onError`, in place of the next stage.
 */
export type Stage = (next: Dispatch) => Dispatch;

/** Puts stages around an upstream; the first is nearest to the guest. */
export function compose(...stages: readonly Stage[]): (upstream: Dispatch) => Dispatch {
  return (upstream) => stages.reduceRight((next, stage) => stage(next), upstream);
}
