import { text } from 'node:stream/consumers';
import type { AgentClient } from '../agent/agent-client.ts';
import { GondolinError } from '../errors/gondolin-error.ts';

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
  // The agent gives a process exactly these ids; the kernel shows them without any program of the image but the shell.
  const command = await agent.exec({
    argv: [
      '/bin/sh',
      '-c',
      'while read -r key id _; do case $key in [UG]id:) echo $id;; esac; done < /proc/self/status',
    ],
    user,
    stdout: 'pipe',
  });
  const lines = command.stdout === null ? '' : await text(command.stdout);
  const [uid, gid] = lines.trim().split('\n').map(Number);
  if (uid === undefined || gid === undefined || !Number.isInteger(uid) || !Number.isInteger(gid)) {
    throw new GondolinError(
      'AGENT_EXEC_BAD_USER',
      `cannot find the ids of guest user ${JSON.stringify(user)}`,
    );
  }
  return { uid, gid };
}
