import type { AgentClient } from '../agent/agent-client.ts';
import type { CloneIdentity } from '../protocol/host-message.ts';

const CHECK_INTERVAL_MS = 1_000;
/** The smallest jump of the host's clock against its uptime that counts: the host slept, or its time was set. */
const MIN_STEP_MS = 10;
/** A clock that took longer to set may be wrong by as much: it is set again, on a guest that is awake by then. */
const MAX_ROUND_TRIP_MS = 25;
const MAX_TRIES = 5;

/** Returns an identity that sets the guest's clock to the host's and changes nothing else. */
export function presentTime(): CloneIdentity {
  const unchanged = { hostname: '', machineId: '', bootId: '', entropy: Buffer.alloc(0) };
  return { realtimeNs: BigInt(Date.now()) * 1_000_000n, ...unchanged };
}

/**
 * Sets the guest's clock until a reply arrives within 25 ms, so that the clock is right to within 25 ms, at most five times: a host
 * too busy for that is just as late with everything else.
 * @throws the error that ended the guest.
 */
export async function setClock(agent: AgentClient): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const sentAt = performance.now();
    await agent.identity(presentTime());
    if (performance.now() - sentAt <= MAX_ROUND_TRIP_MS) return;
  }
}

/** Returns how far the wall clock is ahead of the uptime, which stops while the host sleeps. */
function clockOffsetMs(): number {
  return Date.now() - performance.now();
}

/**
 * Sets the guest's clock again whenever the host's clock jumped, until the returned function is called. Failures are
 * ignored: a guest that has ended needs no clock.
 * @param isBusy  True while nothing may be sent; checked again a second later.
 */
export function keepClock(agent: AgentClient, isBusy: () => boolean): () => void {
  let offsetMs = clockOffsetMs();
  const timer = setInterval(() => {
    const now = clockOffsetMs();
    if (Math.abs(now - offsetMs) < MIN_STEP_MS || isBusy()) return;
    offsetMs = now;
    setClock(agent).catch(() => undefined);
  }, CHECK_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
