/** The reason of an abort that stops a service, where its own grace period is not meant. */
export class StopRequest {
  /** Time for its command to end by itself, in milliseconds. */
  readonly graceMs: number;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }
}

/** Returns the time that a stopped service has to end: that of the request, otherwise its own. */
export function graceOf(stop: AbortSignal, ownMs: number): number {
  return stop.reason instanceof StopRequest ? stop.reason.graceMs : ownMs;
}
