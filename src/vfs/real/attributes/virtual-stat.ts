import { getAttribute, removeAttribute, setAttribute } from '../../../host/libc.ts';
import { VfsError } from '../../vfs-error.ts';

/**
 * Attributes that the guest set and that the host file must not or cannot have: owner, special bits, device type. A null
 * field means the host's own value. See docs/decisions/0004-virtual-owners.md.
 */
export interface VirtualStat {
  readonly uid: number | null;
  readonly gid: number | null;
  /** Permission bits, with the file type where the guest made a device, FIFO or socket. */
  readonly mode: number | null;
  readonly rdev: number;
  /** Permission bits of the host file when `mode` was set: if they differ now, the host changed them since. */
  readonly hostMode: number;
}

/** That of a file of which nothing is remembered. */
export const NO_VIRTUAL_STAT: VirtualStat = {
  uid: null,
  gid: null,
  mode: null,
  rdev: 0,
  hostMode: 0,
};

/** A virtual stat with the file's change time when it was read: after a later change it must be read again. */
export interface KnownStat {
  readonly stat: VirtualStat;
  readonly ctimeNs: bigint;
  /** Until when it is used at most, as a number of reports and in ms of `performance.now()`, if a later change could have the same time. */
  readonly unsettled: { readonly changes: number; readonly untilMs: number } | null;
}

/** Most files of one mount whose virtual stat is kept in memory, about 200 bytes each. */
const MAX_REMEMBERED = 100_000;
/** The same for all mounts of the process. */
const MAX_REMEMBERED_IN_ALL = 400_000;

let rememberedInAll = 0;

const ATTRIBUTE = 'user.gondolin.stat';
const MAX_ID = 0xffff_fffe;
const FORM = /^1 (-|\d{1,10}) (-|\d{1,10}) (-|[0-7]{1,6}) (\d{1,10}) ([0-7]{1,4})$/;

/** Returns the text of the attribute: `1 UID GID MODE RDEV HOSTMODE`, `-` for null, modes in octal. */
function formatVirtualStat({ uid, gid, mode, rdev, hostMode }: VirtualStat): string {
  return `1 ${uid ?? '-'} ${gid ?? '-'} ${mode?.toString(8) ?? '-'} ${rdev} ${hostMode.toString(8)}`;
}

/** Reads the text of the attribute; null when it is malformed. Untrusted: any program of the host user can write it. */
export function parseVirtualStat(text: string): VirtualStat | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, uid = '', gid = '', mode = '', rdev = '', hostMode = ''] = match;
  const number = (value: string, radix = 10) =>
    value === '-' ? null : Number.parseInt(value, radix);
  const stat = {
    uid: number(uid),
    gid: number(gid),
    mode: number(mode, 8),
    rdev: Number(rdev),
    hostMode: Number.parseInt(hostMode, 8),
  };
  const isSane = [stat.uid, stat.gid, stat.rdev].every((value) => (value ?? 0) <= MAX_ID);
  return isSane ? stat : null;
}

function isEmpty({ uid, gid, mode, rdev }: VirtualStat): boolean {
  return uid === null && gid === null && mode === null && rdev === 0;
}

/** Returns what is noted on a file; null for nothing, and for text that is not ours. */
export function readNotedStat(fd: number): VirtualStat | null {
  const text = getAttribute(fd, ATTRIBUTE);
  return text === null ? null : parseVirtualStat(text);
}

/** Notes a virtual stat on a file. @throws {SystemError} of setxattr(2) where the file can have no attribute. */
export function noteStat(fd: number, stat: VirtualStat): void {
  if (!isEmpty(stat)) setAttribute(fd, ATTRIBUTE, formatVirtualStat(stat));
  else if (getAttribute(fd, ATTRIBUTE) !== null) removeAttribute(fd, ATTRIBUTE);
}

/** Keeps virtual stats: in an extended attribute where the file can have one, else in memory while the VM lives. */
export class VirtualStatStore {
  readonly #memory = new Map<string, VirtualStat>();
  readonly #maxRemembered: number;

  constructor(maxRemembered = MAX_REMEMBERED) {
    this.#maxRemembered = maxRemembered;
  }

  /** @param key Identity of the inode. @param isTrusted False ignores the attribute (a file of another user). */
  load(fd: number, key: string, isTrusted: boolean): VirtualStat {
    const remembered = this.#memory.get(key);
    if (remembered !== undefined) return remembered;
    return (isTrusted ? readNotedStat(fd) : null) ?? NO_VIRTUAL_STAT;
  }

  /**
   * @param isNew  True for a file that has just been made.
   * @throws {VfsError} ENOSPC when it must be kept in memory and the limit is reached.
   */
  save(fd: number, key: string, stat: VirtualStat, isNew: boolean): void {
    try {
      // A new file has nothing that would have to be removed.
      if (!isNew || !isEmpty(stat)) noteStat(fd, stat);
      this.drop(key);
    } catch {
      // Symbolic links and some file systems have no user attributes: the guest's change must succeed all the same.
      this.#remember(key, stat);
    }
  }

  #remember(key: string, stat: VirtualStat): void {
    if (!this.#memory.has(key)) {
      const isFull =
        this.#memory.size >= this.#maxRemembered || rememberedInAll >= MAX_REMEMBERED_IN_ALL;
      if (isFull) throw new VfsError('ENOSPC');
      rememberedInAll++;
    }
    this.#memory.set(key, stat);
  }

  /** Returns the virtual stats kept in memory, as key and text. */
  exportMemory(): (readonly [string, string])[] {
    return [...this.#memory].map(([key, stat]) => [key, formatVirtualStat(stat)] as const);
  }

  /** @throws {VfsError} ENOSPC */
  importMemory(key: string, stat: VirtualStat): void {
    this.#remember(key, stat);
  }

  drop(key: string): void {
    if (this.#memory.delete(key)) rememberedInAll--;
  }

  /** Drops everything at the end of the mount. */
  clear(): void {
    for (const key of [...this.#memory.keys()]) this.drop(key);
  }
}
