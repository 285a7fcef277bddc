import { GondolinError } from '../errors/gondolin-error.ts';
import { hostText, type NetworkSummary } from '../net/audit/network-summary.ts';
import { reasonText } from '../net/refusal/refusal-text.ts';
import type { SandboxPlan } from '../plan/plan.ts';
import { type ErrorData, toErrorData } from './error-data.ts';

function minutes(limitMs: number): string {
  return limitMs % 60_000 === 0 ? `${limitMs / 60_000}m` : `${limitMs / 1000}s`;
}

/** The error of a sandbox that ran longer than its `timeout`. */
export function timeoutError(sandbox: SandboxPlan, limitMs: number): GondolinError {
  const message = `sandbox ${sandbox.name} exceeded its timeout of ${minutes(limitMs)}`;
  return new GondolinError('PROJECT_SANDBOX_TIMEOUT', message);
}

/** Returns the error that `on_blocked: fail` makes of refusals, or null without refusals or without that setting. */
export function blockedError(sandbox: SandboxPlan, { blocked, blockedCount }: NetworkSummary) {
  const [first] = blocked;
  if (sandbox.network.onBlocked !== 'fail' || first === undefined) return null;
  const why = `${hostText(first)}: ${reasonText(first.refusal)}`;
  const message =
    blockedCount === 1
      ? `a request or connection was blocked: ${why}`
      : `${blockedCount} requests and connections were blocked; the first: ${why}`;
  return toErrorData(new GondolinError('PROJECT_NETWORK_BLOCKED', message));
}

/** The error of a sandbox that was not started. @param unmet  Why, as part of a sentence; null if it can start. */
export function dependencyError(unmet: string | null): ErrorData | null {
  if (unmet === null) return null;
  const message = `not started: ${unmet}`;
  return toErrorData(new GondolinError('PROJECT_DEPENDENCY_FAILED', message));
}
