import type { AgentClient } from '../agent/agent-client.ts';
import type { CloneIdentity } from '../protocol/host-message.ts';

const LOOK_EVERY_MS = 1_000;
/** A step of the host's clock against its uptime: it slept, or its time was set. */
const MIN_STEP_MS = 10;
/** A time that took this long to be answered may be as wrong; asked anew, on a guest that is awake. */
const MAX_ANSWER_MS = 25;
const MAX_TRIES = 5;

/** The host's time, with nothing else changed. */
export function presentTime(): CloneIdentity {
  const unchanged = { hostname: '', machineId: '', bootId: '', entropy: Buffer.alloc(0) };
  return { realtimeNs: BigInt(Date.now()) * 1_000_000n, ...unchanged };
}

/**
 * Sets the guest's clock until an answer comes so soon that it is right to 25 ms, five times at most (a host so busy that
 * none does is as late with everything else).
 * @throws what ends the guest.
 */
export async function setClock(agent: AgentClient): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const sentAt = performance.now();
    await agent.identity(presentTime());
    if (performance.now() - sentAt <= MAX_ANSWER_MS) return;
  }
}

/** How far the wall clock is ahead of the uptime, which stands still while the host sleeps. */
function clockOffsetMs(): number {
  return Date.now() - performance.now();
}

/**
 * Sets the guest's clock again whenever the host's made a step. Ends with the returned function; a guest that is gone
 * needs no clock, so failures are not told.
 * @param isBusy  True while nothing may be sent: looked at again a second later.
 */
export function keepClock(agent: AgentClient, isBusy: () => boolean): () => void {
  let offsetMs = clockOffsetMs();
  const timer = setInterval(() => {
    const now = clockOffsetMs();
    if (Math.abs(now - offsetMs) < MIN_STEP_MS || isBusy()) return;
    offsetMs = now;
    setClock(agent).catch(() => undefined);
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
