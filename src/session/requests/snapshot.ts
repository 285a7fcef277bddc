import { GondolinError } from '../../errors/gondolin-error.ts';
import { boolean, object, text } from '../../util/json-decoder.ts';
import { type RequestKind, runningVm } from '../request-kind.ts';

export interface SnapshotRequest {
  readonly name: string;
  /** Replaces an existing snapshot of that name. */
  readonly isReplacing: boolean;
}

/** Saves the VM under a name; it continues afterwards. */
export const snapshotRequest: RequestKind<SnapshotRequest> = {
  decoder: object<SnapshotRequest>({ name: text(), isReplacing: boolean }),
  run: async (request, session) => {
    const vm = runningVm(session);
    if (session.saveSnapshot === null) {
      throw new GondolinError(
        'SESSION_UNSUPPORTED',
        'a snapshot is of a sandbox of a project, and a program made this VM: only it knows the mounts, hooks and network to restore it with',
        {
          hint: 'Let the program call vm.save(directory), and start from it with VM.create({ from: directory, ... }) and the same mounts.',
        },
      );
    }
    const save = (directory: string) => vm.save(directory);
    return { diskBytes: await session.saveSnapshot(request, save) };
  },
};
