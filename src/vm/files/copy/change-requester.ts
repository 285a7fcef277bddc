import type { FilesPath } from '../../../protocol/files/files-request.ts';
import { decodeNothing } from '../decode.ts';
import type { FilesSession } from '../files-session.ts';

type ChangeRequest = Parameters<FilesSession['request']>[0];

/** Returns the request of a copy that changes one path of the guest and reads nothing of the reply. */
export function changeRequester(session: FilesSession, signal: AbortSignal | undefined) {
  return (syscall: string, path: FilesPath, request: ChangeRequest): Promise<void> => {
    const decode =
      request.type === 'REMOVE' ? (body: { u8(): number }) => void body.u8() : decodeNothing;
    return session.request(request, { action: { syscall, path }, decode, signal });
  };
}
