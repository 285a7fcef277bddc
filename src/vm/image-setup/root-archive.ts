import type { LayerEntry, LayerEntryType } from '../../image/oci/layer/layer-entry.ts';
import { encodeLayerEntry, tarPadding } from '../../image/oci/layer/tar-writer.ts';
import type { FileAttributes } from '../../protocol/files/file-attributes.ts';
import type { ArchiveEntry, ArchiveForm } from '../files/copy/archive-out.ts';
import { fileType } from '../files/guest-stats.ts';

/** Times after the start of a setup are set to this one, so that equal commands give equal bytes where they can: 2025-01-01. */
const SETUP_TIME = 1735689600;
const NS_PER_SECOND = 1_000_000_000n;
const MTIME_MAX = 2 ** 32 - 1;
const NO_ATTRIBUTES: ReadonlyMap<string, Buffer> = new Map();

/** Attributes of a directory that the guest mounts something on: what is mounted there says nothing about it. */
const MOUNT_POINT = { mode: 0o755, uid: 0, gid: 0, mtime: SETUP_TIME } as const;

const TYPES = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  'hard-link': 'link',
} as const;

const SPECIAL_TYPES: Readonly<Record<string, LayerEntryType>> = {
  'block-device': 'block',
  'character-device': 'character',
  fifo: 'fifo',
};

export interface RootFormOptions {
  /** Names in the archive (`./etc/hosts`) that are left out, with all below them. */
  readonly without: ReadonlySet<string>;
  /** True for the target of a symbolic link that is left out. */
  readonly isForeignLink: (target: string) => boolean;
  /** When the guest was started, in milliseconds since 1970. */
  readonly startedAtMs: number;
}

/**
 * Returns the form of an archive of a guest's whole root: with owners, modes, devices and extended attributes, of one file system, and without what
 * this guest alone has.
 */
export function rootForm({ without, isForeignLink, startedAtMs }: RootFormOptions): ArchiveForm {
  let rootDevice: bigint | null = null;
  const startedAtNs = BigInt(startedAtMs) * 1_000_000n;
  const encode = (entry: ArchiveEntry, type: LayerEntryType, facts: Facts) => {
    const { name, attributes, xattrs = NO_ATTRIBUTES } = entry;
    const isMountPoint = type === 'directory' && attributes.dev !== rootDevice;
    return encodeLayerEntry({
      ...{ type, name: name.toString('latin1'), ...facts, ...deviceNumbers(attributes) },
      ...(isMountPoint ? MOUNT_POINT : ownership(attributes, startedAtNs)),
      attributes: isMountPoint ? NO_ATTRIBUTES : xattrs,
    });
  };
  return {
    wantsXattrs: true,
    choose: ({ name, attributes }) => {
      rootDevice ??= attributes.dev;
      if (without.has(name.toString('latin1'))) return 'nothing';
      const isDirectory = fileType(attributes.mode) === 'directory';
      // A file of the lower or upper layer of an overlay may have the device of that.
      return isDirectory && attributes.dev !== rootDevice ? 'alone' : 'all';
    },
    choosesLink: (_entry, target) => !isForeignLink(target.toString('latin1')),
    header: (entry, kind, { size = 0, linkName = Buffer.alloc(0) } = {}) =>
      encode(entry, TYPES[kind], { size, linkName: linkName.toString('latin1') }),
    special: (entry) => {
      const type = SPECIAL_TYPES[fileType(entry.attributes.mode)];
      return type === undefined ? null : encode(entry, type, { size: 0, linkName: '' });
    },
  };
}

type Facts = Pick<LayerEntry, 'size' | 'linkName'>;

function ownership({ mode, uid, gid, mtimeNs }: FileAttributes, startedAtNs: bigint) {
  const seconds = mtimeNs >= startedAtNs ? SETUP_TIME : Number(mtimeNs / NS_PER_SECOND);
  return { mode: mode & 0o7777, uid, gid, mtime: Math.min(Math.max(seconds, 0), MTIME_MAX) };
}

/** The numbers of a device, as makedev(3) of the GNU C library puts them into one. */
function deviceNumbers({ mode, rdev }: FileAttributes) {
  const type = fileType(mode);
  if (type !== 'block-device' && type !== 'character-device') return { major: 0, minor: 0 };
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return { major: Number(major & 0xffffffffn), minor: Number(minor & 0xffffffffn) };
}

/** Returns a file of root's with this content, as an archive has it. */
export function rootFile(name: string, data: Buffer, mode: number): Buffer {
  const about = { type: 'file', name, mode, uid: 0, gid: 0, mtime: SETUP_TIME } as const;
  const nothing = { linkName: '', major: 0, minor: 0, attributes: NO_ATTRIBUTES };
  const header = encodeLayerEntry({ ...about, ...nothing, size: data.length });
  return Buffer.concat([header, data, tarPadding(data.length)]);
}
