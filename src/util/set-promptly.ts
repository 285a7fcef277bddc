/** A clock that took longer to set may be wrong by as much. */
const MAX_ROUND_TRIP_MS = 25;
const MAX_TRIES = 5;

/**
 * Sets the clock of a guest until it takes at most 25 ms, so that the clock is right to within 25 ms; at most five times: a host
 * too busy for that is just as late with everything else.
 * @param set  Sends the present time, and resolves when the guest has it.
 * @throws the error of `set`.
 */
export async function setPromptly(set: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const sentAtMs = performance.now();
    await set();
    if (performance.now() - sentAtMs <= MAX_ROUND_TRIP_MS) return;
  }
}
