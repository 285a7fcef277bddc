import { userInfo } from 'node:os';

export interface CurrentUser {
  readonly uid: number;
  /** The number as text where the system has no name for it, as in a container with `--user 12345`. */
  readonly name: string;
}

/** The user this process runs as. Never fails. */
export function currentUser(
  lookUp: () => { uid: number; username: string } = userInfo,
): CurrentUser {
  try {
    const { uid, username } = lookUp();
    return { uid, name: username };
  } catch {
    // No entry in the user database: the number is all there is.
    const uid = process.getuid?.() ?? 0;
    return { uid, name: String(uid) };
  }
}
