import { object } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';

/** Closes the VM. The connection ends when nothing of the VM is left. */
export const stopRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, session, connection) => {
    const vm = runningVm(session);
    connection.startFrames(null);
    await vm.close();
    return null;
  },
};
