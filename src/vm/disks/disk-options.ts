import { GondolinError } from '../../errors/gondolin-error.ts';
import { MAX_DISKS } from '../../machine/machine-spec.ts';
import { formatBytes } from '../../util/quantities.ts';

/**
 * A disk image of the host that is mounted in the guest: what the guest writes there is kept for the next VM.
 *
 * @example
 * const cache: DiskMount = { path: '/var/tmp/npm-cache.img', size: '2GiB' };
 * const vm = await VM.create({ vfs: { disks: { '/root/.npm': cache } } });
 */
export interface DiskMount {
  /** Absolute host path of the image; a missing one is made. One VM uses it at a time. */
  readonly path: string;
  /** Size of the disk in bytes, or as `2GiB`; 32 MiB to 16 TiB. The file takes what is used of it. A larger size than before grows it. */
  readonly size: number | string;
  /** @default false */
  readonly isReadonly?: boolean;
}

const MIB = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: MIB, G: 2 ** 30, T: 2 ** 40 };
/** An ext4 file system with a journal. */
const MIN_DISK_BYTES: number = 32 * MIB;
const MAX_DISK_BYTES = 16 * 2 ** 40;

function invalid(option: string, got: unknown, want: string): GondolinError {
  return new GondolinError(
    'VM_BAD_OPTION',
    `option ${option}: got ${JSON.stringify(got)}, want ${want}`,
  );
}

/**
 * Returns the bytes of a disk's size, rounded up to whole MiB.
 * @throws {GondolinError} VM_BAD_OPTION
 */
export function diskBytes(size: number | string, option = 'vfs.disks: size'): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B)?$/.exec(String(size));
  const bytes = match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
  if (!(bytes >= MIN_DISK_BYTES && bytes <= MAX_DISK_BYTES)) {
    const range = `${formatBytes(MIN_DISK_BYTES)} to ${formatBytes(MAX_DISK_BYTES)}`;
    throw invalid(option, size, `a size such as 2GiB, from ${range}`);
  }
  return Math.ceil(bytes / MIB) * MIB;
}

/** @throws {GondolinError} VM_BAD_OPTION */
export function checkDisks(disks: Readonly<Record<string, DiskMount>>): void {
  const entries = Object.entries(disks);
  if (entries.length > MAX_DISKS) {
    throw invalid('vfs.disks', entries.length, `at most ${MAX_DISKS} disks`);
  }
  const seen = new Set<string>();
  for (const [target, { path, size }] of entries) {
    const isPath = typeof path === 'string' && path.startsWith('/') && !path.includes('\0');
    if (!isPath) throw invalid(`vfs.disks["${target}"].path`, path, 'an absolute host path');
    if (seen.has(path)) throw invalid('vfs.disks', path, 'each image once');
    seen.add(path);
    diskBytes(size);
  }
}
