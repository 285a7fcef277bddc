/** The kinds of entries. Whiteouts are not among them: they are files with special names. */
export type LayerEntryType =
  | 'file'
  | 'link'
  | 'symlink'
  | 'character'
  | 'block'
  | 'directory'
  | 'fifo';

/**
 * One entry of a tar archive. Names are the bytes of the archive, one character each (latin1), because Linux does not ask
 * for UTF-8. Untrusted: numbers are in range and names are without NUL, but a name may still be any path.
 */
export interface LayerEntry {
  readonly type: LayerEntryType;
  readonly name: string;
  /** Permission bits with setuid, setgid and sticky: 0..0o7777. */
  readonly mode: number;
  /** 0..ID_MAX. */
  readonly uid: number;
  readonly gid: number;
  /** Names of the owner and the group, which layers of OCI images do not go by; empty for none. */
  readonly userName?: string;
  readonly groupName?: string;
  /** Bytes of content that follow; 0 for everything but files. */
  readonly size: number;
  /** Seconds since 1970, 0..2^32-1: squashfs holds no others. */
  readonly mtime: number;
  /** Target of a link; empty for the rest. */
  readonly linkName: string;
  /** Numbers of a device; 0 for the rest. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes, by their names; values are bytes. */
  readonly attributes: ReadonlyMap<string, Buffer>;
}
