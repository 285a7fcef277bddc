import { readFileSync, readlinkSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';

/** File systems whose calls may never return: their server is another machine, or a process. */
const REMOTE_TYPES: ReadonlySet<string> = new Set([
  ...['9p', 'afs', 'ceph', 'cifs', 'coda', 'davfs', 'fuse', 'glusterfs', 'lustre', 'ncpfs'],
  ...['nfs', 'nfs4', 'orangefs', 'smb3', 'smbfs'],
]);
/** Linux's limit of symbolic links in one path (path_resolution(7)). */
const MAX_LINKS = 40;

function isRemoteType(type: string): boolean {
  return REMOTE_TYPES.has(type) || type.startsWith('fuse.');
}

/** `\040` and the like stand for characters that separate fields. */
function unescapePath(text: string): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * Returns the type of the file system mounted at each mount point, the topmost where several are.
 * @param mountinfo  Text of `/proc/self/mountinfo` as latin1, see proc_pid_mountinfo(5).
 */
export function parseMounts(mountinfo: string): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    const [own = '', source = ''] = line.split(' - ');
    const point = own.split(' ')[4];
    const [type] = source.split(' ');
    if (point !== undefined && type !== undefined) types.set(unescapePath(point), type);
  }
  return types;
}

function names(path: string): string[] {
  return path.split(sep).filter((name) => name !== '');
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    // Another kind of file, or none: whoever opens it reports that.
    return null;
  }
}

/** A remote file system of this host. */
export interface RemoteMount {
  /** Absolute path where it is mounted. */
  readonly point: string;
  /** As in `/proc/self/mountinfo`: `nfs4`, `fuse.sshfs`. */
  readonly type: string;
}

function mountsOfThisProcess(): ReadonlyMap<string, string> {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
}

/**
 * Returns the remote file system that a path is on, or that the way to it passes; null for a local one.
 * Asks nothing of a remote file system, which may hang.
 */
export function remoteFileSystemOf(
  path: string,
  mounts: ReadonlyMap<string, string> = mountsOfThisProcess(),
): RemoteMount | null {
  const rest = names(resolve(path));
  let links = 0;
  for (let at: string = sep; ; ) {
    const type = mounts.get(at) ?? '';
    if (isRemoteType(type)) return { point: at, type };
    const name = rest.shift();
    if (name === undefined) return null;
    const next = join(at, name);
    const isRemote = isRemoteType(mounts.get(next) ?? '');
    const target = isRemote || links >= MAX_LINKS ? null : linkTarget(next);
    if (target !== null) {
      links += 1;
      rest.unshift(...names(resolve(at, target)));
    }
    at = target === null ? next : sep;
  }
}
