import { integer, list, object, text } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';
import type { SessionPort } from '../session-vm.ts';

/** The reply to `ports`. */
export const sessionPorts = list(
  object<SessionPort>({
    host: text(),
    port: integer({ min: 1, max: 65_535 }),
    guestPort: integer({ min: 1, max: 65_535 }),
  }),
);

/** Returns the ports that lead to the VM. */
export const portsRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, session) =>
    runningVm(session).exposedPorts.map(({ host, port, guestPort }) => ({ host, port, guestPort })),
};
