import {
  ACL_ACCESS,
  ACL_DEFAULT,
  decodeKeptAcl,
  encodeAcl,
  groupPermissions,
  isMinimal,
  withPermissions,
} from '../../acl/posix-acl.ts';
import { isGuestName } from './attribute-names.ts';
import { withoutMask } from './ownership.ts';

/** XATTR_SIZE_MAX of linux/limits.h. */
const MAX_VALUE_BYTES = 65_536;

/** The extended attributes of one file by the guest's names, in the order of these. */
export type AttributeSet = ReadonlyMap<string, Buffer>;

/** Returns a value as it is compared and copied; null for one that says nothing. */
function comparable(name: string, value: Buffer, mode: number): Buffer | null {
  if (value.length > MAX_VALUE_BYTES) return null;
  if (name !== ACL_ACCESS && name !== ACL_DEFAULT) return value;
  const entries = decodeKeptAcl(value);
  if (entries === null || name === ACL_DEFAULT) return entries === null ? null : encodeAcl(entries);
  return isMinimal(entries) ? null : encodeAcl(withPermissions(entries, mode));
}

/**
 * Returns those attributes of a file that a guest can have on a host file too.
 * @param stored  By the guest's names, untrusted.
 * @param mode  The permission bits that the guest sees: they count more than those in a stored access list.
 */
export function attributeSet(
  stored: Iterable<readonly [string, Buffer]>,
  mode: number,
): AttributeSet {
  const found: [string, Buffer][] = [];
  for (const [name, value] of stored) {
    const kept = isGuestName(name) ? comparable(name, value, mode) : null;
    if (kept !== null) found.push([name, kept]);
  }
  return new Map(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function isSameSet(one: AttributeSet, other: AttributeSet): boolean {
  if (one.size !== other.size) return false;
  return [...one].every(([name, value]) => other.get(name)?.equals(value) === true);
}

/** Returns the permission bits that the host file gets for those of the guest, 0..0o777 both: with an access list its group gets less. */
export function permissionsOnHost(mode: number, attributes: AttributeSet): number {
  const list = attributes.get(ACL_ACCESS);
  const entries = list === undefined ? null : decodeKeptAcl(list);
  if (entries === null) return mode;
  return withoutMask(mode, groupPermissions(withPermissions(entries, mode)));
}
