import { getAttribute, removeAttribute, setAttribute } from '../../../host/libc.ts';
import { VfsError } from '../../vfs-error.ts';

/**
 * What the guest gave a file that the host must not or cannot give it: owner, special bits, device type. Null fields
 * are the host's own. See docs/decisions/0004-virtual-owners.md.
 */
export interface VirtualStat {
  readonly uid: number | null;
  readonly gid: number | null;
  /** Permission bits, with the file type where the guest made a device, FIFO or socket. */
  readonly mode: number | null;
  readonly rdev: number;
  /** Permission bits the host file had when `mode` was set: others mean that the host changed them since. */
  readonly hostMode: number;
}

const NO_VIRTUAL_STAT: VirtualStat = {
  uid: null,
  gid: null,
  mode: null,
  rdev: 0,
  hostMode: 0,
};

/** A virtual stat with the change time the file had when it was read: a later one may mean another virtual stat. */
export interface KnownStat {
  readonly stat: VirtualStat;
  readonly ctimeNs: bigint;
}

/** Files of one mount whose owners only memory can keep, about 200 bytes each. */
const MAX_REMEMBERED = 100_000;
/** Those of all mounts of the process. */
const MAX_REMEMBERED_IN_ALL = 400_000;

let rememberedInAll = 0;

const ATTRIBUTE = 'user.gondolin.stat';
const MAX_ID = 0xffff_fffe;
const FORM = /^1 (-|\d{1,10}) (-|\d{1,10}) (-|[0-7]{1,6}) (\d{1,10}) ([0-7]{1,4})$/;

/** Text form kept in the attribute: `1 UID GID MODE RDEV HOSTMODE`, `-` for null, modes in octal. */
function formatVirtualStat({ uid, gid, mode, rdev, hostMode }: VirtualStat): string {
  return `1 ${uid ?? '-'} ${gid ?? '-'} ${mode?.toString(8) ?? '-'} ${rdev} ${hostMode.toString(8)}`;
}

/** Untrusted: any program of the host user can write the attribute. Null when it is not of our form. */
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

/** Remembers virtual stats: in an extended attribute where the file can have one, else in memory while the VM lives. */
export class VirtualStatStore {
  readonly #memory = new Map<string, VirtualStat>();
  readonly #maxRemembered: number;

  constructor(maxRemembered = MAX_REMEMBERED) {
    this.#maxRemembered = maxRemembered;
  }

  /** @param key identity of the inode; @param isTrusted false ignores the attribute (a file of another user). */
  load(fd: number, key: string, isTrusted: boolean): VirtualStat {
    const remembered = this.#memory.get(key);
    if (remembered !== undefined) return remembered;
    const text = isTrusted ? getAttribute(fd, ATTRIBUTE) : null;
    return (text === null ? null : parseVirtualStat(text)) ?? NO_VIRTUAL_STAT;
  }

  /** @throws {VfsError} ENOSPC when memory has to keep it and may keep no more. */
  save(fd: number, key: string, stat: VirtualStat): void {
    try {
      if (!isEmpty(stat)) setAttribute(fd, ATTRIBUTE, formatVirtualStat(stat));
      else if (getAttribute(fd, ATTRIBUTE) !== null) removeAttribute(fd, ATTRIBUTE);
      this.drop(key);
    } catch {
      // Symbolic links and some file systems have no user attributes: the guest still gets what it asked for.
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

  /** Those that no file can keep, as key and text. */
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

  /** At the end of the mount. */
  clear(): void {
    for (const key of [...this.#memory.keys()]) this.drop(key);
  }
}
