import { posix } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { literal, object, text } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';
import type { SessionFiles } from '../session-vm.ts';

export interface CopyRequest {
  /** `in`: from the host to the guest. */
  readonly direction: 'in' | 'out';
  /** Absolute. */
  readonly hostPath: string;
  /** A relative one starts at the VM's directory. */
  readonly guestPath: string;
}

async function isGuestDirectory(files: SessionFiles, path: string): Promise<boolean> {
  try {
    return (await files.stat(path)).isDirectory();
  } catch (error) {
    // What is not there is about to be made; any other problem meets the copy too.
    if (GondolinError.is(error)) return false;
    throw error;
  }
}

/** Copies a file or tree between host and guest, by the owner, which has the same rights as the client. */
export const copyRequest: RequestKind<CopyRequest> = {
  decoder: object<CopyRequest>({
    direction: literal('in', 'out'),
    hostPath: text({ pattern: /^\/[^\0]*$/ }),
    guestPath: text({ pattern: /^[^\0]+$/ }),
  }),
  run: async ({ direction, hostPath, guestPath }, session, connection) => {
    const { fs: files } = runningVm(session);
    const options = { signal: connection.gone };
    if (direction === 'out') return files.copyOut(guestPath, hostPath, options);
    const isInto = await isGuestDirectory(files, guestPath);
    const target = isInto ? posix.join(guestPath, posix.basename(hostPath)) : guestPath;
    return files.copyIn(hostPath, target, options);
  },
};
