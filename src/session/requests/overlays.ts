import { object } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';
import type { SessionVm } from '../session-vm.ts';

/** Time for the guest to write what its kernel holds back. */
const SYNC_LIMIT_MS = 10_000;

/** Lets the guest write its changes. An image without a `sync` has them a few seconds later by itself. */
async function syncGuest(vm: SessionVm): Promise<void> {
  const stop = AbortSignal.timeout(SYNC_LIMIT_MS);
  const streams = { stdin: false, stdout: 'pipe', stderr: 'pipe' } as const;
  const sync = vm.exec(['sync'], { ...streams, env: {}, cwd: '/', user: '0', signal: stop });
  sync.stdout?.resume();
  sync.stderr?.resume();
  await sync.then(
    () => undefined,
    () => undefined,
  );
}

/** Keeps what the guest has changed in its overlays so far, for `gondolin diff` and `apply`; the VM continues. */
export const overlaysRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, session) => {
    const vm = runningVm(session);
    if (session.keepOverlays === null) return { isKept: false };
    await syncGuest(vm);
    await session.keepOverlays();
    return { isKept: true };
  },
};
