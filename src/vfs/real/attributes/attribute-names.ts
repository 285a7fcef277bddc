/** Attributes of the host's that are ours: the guest sees none of them under this name. */
export const OWN = 'user.gondolin.';
const USER = 'user.';
/** Names of those that the guest sees. */
const KEPT = ['trusted.', 'security.', 'system.posix_acl_'];

/** Returns the host's name of an attribute; null for one of ours, which the guest neither sees nor makes. */
export function toHostName(name: string): string | null {
  if (name.startsWith(OWN)) return null;
  return name.startsWith(USER) ? name : `${OWN}${name}`;
}

/** Returns the guest's name of a host attribute; null for one that it does not see. */
export function toGuestName(hostName: string): string | null {
  if (!hostName.startsWith(OWN)) return hostName.startsWith(USER) ? hostName : null;
  const name = hostName.slice(OWN.length);
  return KEPT.some((namespace) => name.startsWith(namespace)) ? name : null;
}

/** True for an attribute that a guest can have on a host file. */
export function isGuestName(name: string): boolean {
  const hostName = toHostName(name);
  return hostName !== null && toGuestName(hostName) === name;
}
