import { chmodSync, fstatSync } from 'node:fs';
import {
  descriptorPath,
  listAttributes,
  readAttribute,
  removeAttribute,
  SystemError,
  setAttribute,
} from '../../../host/libc.ts';
import { ERRNO } from '../../../protocol/errno.ts';
import { NINE_BITS, OWNER_WRITE, PERMISSION_BITS } from '../../file-mode.ts';
import { OWN, toGuestName, toHostName } from './attribute-names.ts';
import { type AttributeSet, attributeSet, permissionsOnHost } from './attribute-set.ts';
import { presentMode } from './ownership.ts';
import { NO_VIRTUAL_STAT, noteStat, readNotedStat } from './virtual-stat.ts';

/*
 * Extended attributes of open host files (O_PATH will do) outside of a mount, in the form that `RealFSProvider` gives them.
 */

function unless<T>(errno: number, read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof SystemError && error.errno === errno) return null;
    throw error;
  }
}

/** True for a file of a file system that has extended attributes of users. */
export function hasUserAttributes(fd: number): boolean {
  const read = () => unless(ERRNO.ENODATA, () => readAttribute(fd, `${OWN}stat`));
  return unless(ERRNO.EOPNOTSUPP, () => [read()]) !== null;
}

/** Returns the host's names of the attributes that a guest sees; of a file system without any, nothing. */
function guestNames(fd: number): [hostName: string, name: string][] {
  const names = unless(ERRNO.EOPNOTSUPP, () => listAttributes(fd)) ?? [];
  return names.flatMap((hostName): [string, string][] => {
    const name = toGuestName(hostName);
    return name === null ? [] : [[hostName, name]];
  });
}

/** @throws {SystemError} of getxattr(2) */
export function readHostAttributes(fd: number): AttributeSet {
  const stored = guestNames(fd).flatMap(([hostName, name]): [string, Buffer][] => {
    const value = unless(ERRNO.ENODATA, () => readAttribute(fd, hostName));
    return value === null ? [] : [[name, value]];
  });
  return attributeSet(
    stored,
    presentMode(fstatSync(fd).mode, readNotedStat(fd) ?? NO_VIRTUAL_STAT),
  );
}

/**
 * Gives a file or directory of ours these attributes, no others that a guest sees, and the permission bits that belong to them.
 * Set-id and sticky bits stay as they are.
 * @param mode  Permission bits as the guest sees them, 0..0o777.
 * @throws {SystemError} of setxattr(2) and removexattr(2); some may have been set by then.
 */
export function writeHostAttributes(fd: number, attributes: AttributeSet, mode: number): void {
  const { mode: before } = fstatSync(fd);
  const noted = readNotedStat(fd) ?? NO_VIRTUAL_STAT;
  // A file without its owner's right to write cannot get an extended attribute.
  if ((before & OWNER_WRITE) === 0)
    chmodSync(descriptorPath(fd), (before & PERMISSION_BITS) | OWNER_WRITE);
  for (const [hostName, name] of guestNames(fd)) {
    if (!attributes.has(name)) removeAttribute(fd, hostName);
  }
  for (const [name, value] of attributes) {
    const hostName = toHostName(name);
    if (hostName !== null) setAttribute(fd, hostName, value);
  }
  const special = before & PERMISSION_BITS & ~NINE_BITS;
  const hostMode = special | permissionsOnHost(mode, attributes);
  const shown = (presentMode(before, noted) & ~NINE_BITS) | mode;
  const isExact = hostMode === (shown & PERMISSION_BITS);
  noteStat(fd, { ...noted, mode: isExact ? null : shown, hostMode: isExact ? 0 : hostMode });
  chmodSync(descriptorPath(fd), hostMode);
}
