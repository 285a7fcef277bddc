import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { GuestFileSystem } from './files/guest-file-system.ts';

export interface GuestUser {
  readonly uid: number;
  readonly gid: number;
}

/** Returns the ids of a user that are known without the guest; null for a name. */
export function knownUser(user: string): GuestUser | null {
  if (user === '') return { uid: 0, gid: 0 };
  const numbers = /^(\d+):(\d+)$/.exec(user);
  return numbers === null ? null : { uid: Number(numbers[1]), gid: Number(numbers[2]) };
}

/**
 * Returns the ids of the user that owns host files in the guest. Names are looked up in the guest, whose files decide.
 * @param user `''` (root), `UID[:GID]` or `NAME[:GROUP]`.
 * @throws {GondolinError} AGENT_EXEC_BAD_USER when the guest has no such user.
 */
export async function resolveGuestUser(agent: AgentClient, user: string): Promise<GuestUser> {
  const known = knownUser(user);
  if (known !== null) return known;
  // The agent gives a process exactly these ids, and the kernel shows them: no program of the image is needed, which may
  // have no shell.
  const { GuestFileSystem } = await import('./files/guest-file-system.ts');
  const { FilesSession } = await import('./files/files-session.ts');
  const session = new FilesSession(
    {
      start: (name) => agent.startFiles(name),
      explain: async (error) => error,
    },
    user,
  );
  try {
    return await readOwnIds(new GuestFileSystem(session, '/'), user);
  } finally {
    (await session.client()).close();
  }
}

/** Returns the ids of the user whose files these are. @throws {GondolinError} AGENT_EXEC_BAD_USER when the guest does not tell them. */
export async function readOwnIds(
  files: Pick<GuestFileSystem, 'readFile'>,
  user: string,
): Promise<GuestUser> {
  const status = await files.readFile('/proc/self/status', { encoding: 'utf8' });
  const uid = idOf(status, 'Uid');
  const gid = idOf(status, 'Gid');
  if (uid !== null && gid !== null) return { uid, gid };
  throw new GondolinError(
    'AGENT_EXEC_BAD_USER',
    `cannot find the ids of guest user ${JSON.stringify(user)}`,
  );
}

/** Reads the real id of a line of `/proc/PID/status`. Untrusted. */
function idOf(status: string, name: 'Uid' | 'Gid'): number | null {
  const [, id] = new RegExp(`^${name}:\\s*([0-9]{1,10})\\s`, 'm').exec(status) ?? [];
  return id === undefined ? null : Number(id);
}
