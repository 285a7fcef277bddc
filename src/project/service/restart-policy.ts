import type { ServicePlan } from '../../plan/plan.ts';

/** Pauses before restarts: they double from the first to the last. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 30_000;
/** A service that ran this long has recovered: its next pause is the first again. */
export const RECOVERED_MS = 10_000;

/** Returns the pause before the next start by the service's `restart`, in ms; null if it does not start again. */
export function restartPause(
  { restart }: ServicePlan,
  exitCode: number,
  restarts: number,
  quickEnds: number,
): number | null {
  if (restart.when === 'no' || (restart.when === 'on-failure' && exitCode === 0)) return null;
  if (restart.maxRestarts !== null && restarts >= restart.maxRestarts) return null;
  return Math.min(FIRST_PAUSE_MS * 2 ** quickEnds, LAST_PAUSE_MS);
}
