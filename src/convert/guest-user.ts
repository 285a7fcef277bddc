/** Users of a Debian base system, and those that its packages of servers add. */
const DEBIAN_USERS: ReadonlySet<string> = new Set(
  'root daemon bin sys mail www-data nobody postgres mysql redis memcache'.split(' '),
);
/** The first user that a Debian system gives people. */
const FIRST_UID = 1000;

/**
 * The user for `user:`, with a remark if it is another one; null when the text names no user.
 * @param isOci  The image is one of a registry: it has users of its own, which are not known here.
 */
export function guestUserOf(
  text: string,
  isOci: boolean,
): { user: string; remark: string | null } | null {
  const match =
    /^([0-9]{1,9}|[A-Za-z_][A-Za-z0-9_.-]{0,31})(:(?:[0-9]{1,9}|[A-Za-z_][A-Za-z0-9_.-]{0,31}))?$/.exec(
      text,
    );
  const name = match?.[1];
  if (name === undefined) return null;
  if (isOci || /^\d/.test(name) || DEBIAN_USERS.has(name)) return { user: text, remark: null };
  const remark = `a Debian image has no user ${name}: UID ${FIRST_UID} is used`;
  return { user: String(FIRST_UID), remark };
}
