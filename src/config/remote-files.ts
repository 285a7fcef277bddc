import { type RemoteMount, remoteFileSystemOf } from '../host/remote-file-system.ts';
import { awaitReply } from '../host/remote-reply.ts';
import { type FileAccess, realFiles } from './file-access.ts';

/** A path is on a remote file system that nobody has asked yet whether it replies. */
class NotAsked extends Error {
  readonly mount: RemoteMount;

  constructor(mount: RemoteMount) {
    super(mount.point);
    this.mount = mount;
  }
}

/** The real file system, which throws NotAsked for paths on a remote one that is not in `replied`. */
function filesThatReply(replied: ReadonlySet<string>): FileAccess {
  const check = (path: string) => {
    const mount = remoteFileSystemOf(path);
    if (mount !== null && !replied.has(mount.point)) throw new NotAsked(mount);
  };
  return {
    readText: (path) => {
      check(path);
      return realFiles.readText(path);
    },
    pathKind: (path) => {
      check(path);
      return realFiles.pathKind(path);
    },
  };
}

/**
 * Reads files by `read`, which must have no other effect: where a path is on NFS or another remote file system, another process asks first
 * whether that replies, and `read` starts over. A call that hangs would stop this process, its Ctrl-C included.
 * @param limitMs  Time that a remote file system has to reply. @default 10000
 * @throws {GondolinError} HOST_FILES_UNREACHABLE, and what `read` throws.
 */
export async function readingFiles<T>(
  read: (access: FileAccess) => Promise<T>,
  limitMs?: number,
): Promise<T> {
  const replied = new Set<string>();
  for (;;) {
    try {
      return await read(filesThatReply(replied));
    } catch (error) {
      if (!(error instanceof NotAsked)) throw error;
      await awaitReply(error.mount, limitMs);
      replied.add(error.mount.point);
    }
  }
}
