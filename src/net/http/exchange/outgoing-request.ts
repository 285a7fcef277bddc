import type { Fields } from '../fields.ts';

/** The part of a request that goes out: the guest's, as far as the stages have changed it. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** End-to-end fields without `host`. */
  readonly fields: Fields;
  readonly body: AsyncIterable<Buffer> | null;
  trailers(): Fields;
}
