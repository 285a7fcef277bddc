import { GondolinError } from '../../errors/gondolin-error.ts';
import { type IngressHooks, IngressRequestBlockedError } from '../ingress-hooks.ts';

/** Creates the error of a hook. Its text stays on the host: a client sees which hook failed, not what it said. */
export function hookFailed(hook: keyof IngressHooks, problem: string, cause?: unknown) {
  return new GondolinError(
    'INGRESS_HOOK_FAILED',
    `${hook} ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

/** Runs a hook. @throws {IngressRequestBlockedError} thrown by it; {GondolinError} INGRESS_HOOK_FAILED for all else. */
export async function callHook<T>(hook: keyof IngressHooks, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof IngressRequestBlockedError) throw error;
    throw hookFailed(hook, 'failed', error);
  }
}
