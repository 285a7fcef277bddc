import type { AgentClient } from '../agent/agent-client.ts';
import type { CloneIdentity } from '../protocol/host-message.ts';
import { setPromptly } from '../util/set-promptly.ts';

const CHECK_INTERVAL_MS = 1_000;
/** The smallest jump of the host's clock against its uptime that counts: the host slept, or its time was set. */
const MIN_STEP_MS = 10;

/** Returns an identity that sets the guest's clock to the host's and changes nothing else. */
export function presentTime(): CloneIdentity {
  const unchanged = { hostname: '', machineId: '', bootId: '', entropy: Buffer.alloc(0) };
  return { realtimeNs: BigInt(Date.now()) * 1_000_000n, ...unchanged };
}

/**
 * Sets the guest's clock, right to within 25 ms where the host is not too busy.
 * @throws the error that ended the guest.
 */
export function setClock(agent: AgentClient): Promise<void> {
  return setPromptly(() => agent.identity(presentTime()));
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
