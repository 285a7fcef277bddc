import { dirname } from 'node:path';
import type { AgentClient } from '../../agent/agent-client.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { LISTENERS_PATH, MAX_LISTENERS_BYTES } from '../../ingress/routes/listeners-text.ts';
import type { ListenersFile } from '../../ingress/routes/route-table.ts';
import type { GuestFileSystem } from '../files/guest-file-system.ts';

/** The directory also holds the files of trust, of about 400 KiB. */
const DIRECTORY_BYTES = 4 * 1024 * 1024;
/** Limit of one access: the guest may hang. */
const ACCESS_LIMIT_MS = 10_000;

/**
 * Mounts the directory of the routes file, which every user of the guest may write, even where the root is read-only. Sticky:
 * the files of trust in it stay root's. Call it before they are written, since it hides what is there.
 */
export function mountListenersDirectory(agent: AgentClient): Promise<void> {
  const place = { sizeBytes: DIRECTORY_BYTES, mode: 0o1777, uid: 0, gid: 0 };
  return agent.mountMemory({ target: dirname(LISTENERS_PATH), ...place });
}

function isMissing(error: unknown): boolean {
  return GondolinError.is(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** Returns the routes file of a guest. @param files  Its files as root sees them. */
export function guestListeners(files: GuestFileSystem): ListenersFile {
  return {
    async read() {
      const signal = AbortSignal.timeout(ACCESS_LIMIT_MS);
      const options = { encoding: 'utf8', maxBytes: MAX_LISTENERS_BYTES, signal } as const;
      try {
        return await files.readFile(LISTENERS_PATH, options);
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async write(text) {
      const signal = AbortSignal.timeout(ACCESS_LIMIT_MS);
      await files.mkdir(dirname(LISTENERS_PATH), { recursive: true, signal });
      await files.writeFile(LISTENERS_PATH, text, { signal });
      // A command that does not run as root may change what the host wrote.
      await files.chmod(LISTENERS_PATH, 0o666, { signal });
    },
  };
}
