import { VfsError } from '../vfs-error.ts';

/** The names of the two lists, as extended attributes of acl(5). */
export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

export interface AclEntry {
  readonly tag: number;
  /** 0..7 */
  readonly permissions: number;
  /** User or group of the guest; without meaning for other tags. */
  readonly id: number;
}

/** @see linux/posix_acl.h */
export const ACL_TAG = {
  USER_OBJ: 1,
  USER: 2,
  GROUP_OBJ: 4,
  GROUP: 8,
  MASK: 16,
  OTHER: 32,
} as const;

/** POSIX_ACL_XATTR_VERSION of linux/posix_acl_xattr.h, whose form this is. */
const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
const NO_ID = 0xffff_ffff;
/** The order in which the kernel wants them; of USER and GROUP there may be any number, of MASK one or none. */
const ORDER = Object.values(ACL_TAG);
const SINGLE = [ACL_TAG.USER_OBJ, ACL_TAG.GROUP_OBJ, ACL_TAG.OTHER] as readonly number[];

/** Reads an untrusted list. @throws {VfsError} EINVAL for one that the kernel would not take either. */
export function decodeAcl(value: Buffer): readonly AclEntry[] {
  const count = (value.length - HEADER_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(count) || count < 3 || value.readUInt32LE(0) !== VERSION) throw invalid();
  const entries = Array.from({ length: count }, (_, index) => {
    const at = HEADER_BYTES + ENTRY_BYTES * index;
    const [tag, permissions] = [value.readUInt16LE(at), value.readUInt16LE(at + 2)];
    return { tag, permissions, id: value.readUInt32LE(at + 4) };
  });
  if (!isValid(entries)) throw invalid();
  return entries;
}

/** Reads a list that is kept with a file; null for one that the host has damaged. */
export function decodeKeptAcl(value: Buffer): readonly AclEntry[] | null {
  try {
    return decodeAcl(value);
  } catch {
    return null;
  }
}

function invalid(): VfsError {
  return new VfsError('EINVAL');
}

function isValid(entries: readonly AclEntry[]): boolean {
  const count = (tag: number) => entries.filter((entry) => entry.tag === tag).length;
  const places = entries.map(({ tag }) => ORDER.indexOf(tag as (typeof ORDER)[number]));
  const isOrdered = places.every((place, at) => place >= 0 && place >= (places[at - 1] ?? 0));
  const isNamed = count(ACL_TAG.USER) + count(ACL_TAG.GROUP) > 0;
  return (
    isOrdered &&
    entries.every(
      ({ permissions, tag, id }) => permissions <= 7 && (hasId(tag) ? id !== NO_ID : true),
    ) &&
    SINGLE.every((tag) => count(tag) === 1) &&
    count(ACL_TAG.MASK) <= 1 &&
    (!isNamed || count(ACL_TAG.MASK) === 1)
  );
}

function hasId(tag: number): boolean {
  return tag === ACL_TAG.USER || tag === ACL_TAG.GROUP;
}

export function encodeAcl(entries: readonly AclEntry[]): Buffer {
  const value = Buffer.alloc(HEADER_BYTES + ENTRY_BYTES * entries.length);
  value.writeUInt32LE(VERSION, 0);
  for (const [index, { tag, permissions, id }] of entries.entries()) {
    const at = HEADER_BYTES + ENTRY_BYTES * index;
    value.writeUInt16LE(tag, at);
    value.writeUInt16LE(permissions, at + 2);
    value.writeUInt32LE(hasId(tag) ? id : NO_ID, at + 4);
  }
  return value;
}

/** True for a list that says no more than permission bits do. */
export function isMinimal(entries: readonly AclEntry[]): boolean {
  return entries.length === SINGLE.length;
}

/** Returns the tag of the entry that the group's permission bits stand for. */
function groupTag(entries: readonly AclEntry[]): number {
  return entries.some(({ tag }) => tag === ACL_TAG.MASK) ? ACL_TAG.MASK : ACL_TAG.GROUP_OBJ;
}

/** Shifts of the permission bits by the tags of the entries that they stand for. */
function shifts(entries: readonly AclEntry[]): ReadonlyMap<number, number> {
  return new Map([
    [ACL_TAG.USER_OBJ, 6],
    [groupTag(entries), 3],
    [ACL_TAG.OTHER, 0],
  ]);
}

/** Returns the nine permission bits that an access list stands for. */
export function permissionsOf(entries: readonly AclEntry[]): number {
  const places = shifts(entries);
  let mode = 0;
  for (const { tag, permissions } of entries) {
    const shift = places.get(tag);
    if (shift !== undefined) mode |= permissions << shift;
  }
  return mode;
}

/** Returns what the owning group may, 0..7: with a mask the permission bits of the group say something else. */
export function groupPermissions(entries: readonly AclEntry[]): number {
  const of = (tag: number) => entries.find((entry) => entry.tag === tag)?.permissions ?? 7;
  return of(ACL_TAG.GROUP_OBJ) & of(ACL_TAG.MASK);
}

/** Returns the list with what the permission bits say: they may have been changed since it was set, here or on the host. */
export function withPermissions(entries: readonly AclEntry[], mode: number): readonly AclEntry[] {
  const places = shifts(entries);
  return entries.map((entry) => {
    const shift = places.get(entry.tag);
    return shift === undefined ? entry : { ...entry, permissions: (mode >> shift) & 7 };
  });
}

/** Returns the list of a new node in a directory with this default list: nobody gets more than `mode` asks for. */
export function inherited(entries: readonly AclEntry[], mode: number): readonly AclEntry[] {
  const places = shifts(entries);
  return entries.map((entry) => {
    const shift = places.get(entry.tag);
    return shift === undefined
      ? entry
      : { ...entry, permissions: entry.permissions & (mode >> shift) & 7 };
  });
}
