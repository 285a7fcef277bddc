import type { ImageEvent } from './guest-image.ts';

/** Returns a sink of events whose fractions are those of a part of the work, from `from` to `to`. */
export function scaledEvents(
  onEvent: (event: ImageEvent) => void,
  from: number,
  to = 1,
): (event: ImageEvent) => void {
  return ({ fraction, ...event }) =>
    onEvent({ ...event, fraction: fraction === null ? null : from + fraction * (to - from) });
}
