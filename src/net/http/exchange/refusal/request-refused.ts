import type { Blocked } from '../../../refusal/refusal.ts';

/** Passed to `onError` by a stage that refuses a request itself. */
export class RequestRefused extends Error {
  readonly refusal: Blocked;

  constructor(refusal: Blocked) {
    super(`the request was refused: ${refusal.reason}`);
    this.refusal = refusal;
  }
}
