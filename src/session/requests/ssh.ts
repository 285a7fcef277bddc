import { object } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';

/** Opens the VM's way in by SSH, or returns the one that is open: it lives as long as the VM. */
export const sshRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, session) => {
    const access = await runningVm(session).ssh();
    const { host, port, user, identityFile, knownHostsFile, options } = access;
    return { host, port, user, identityFile, knownHostsFile, options };
  },
};
