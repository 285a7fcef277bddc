import type { LayerEntry } from '../oci/layer/layer-entry.ts';

/** The files that give names of users and groups a number. */
export const OWNER_FILES = { users: 'etc/passwd', groups: 'etc/group' } as const;
export const OWNER_FILE_MAX_BYTES = 1024 * 1024;

const LINES_MAX = 10_000;
const LINE = /^([^:\s]+):[^:]*:([0-9]{1,9})(?::|$)/;

/** Numbers of users and groups by their names. */
export interface OwnerNames {
  readonly users: ReadonlyMap<string, number>;
  readonly groups: ReadonlyMap<string, number>;
}

/** Reads `NAME:PASSWORD:NUMBER:…` of passwd(5) and group(5). The first line of a name counts, as in the guest. */
export function readOwnerFile(content: Buffer | undefined): Map<string, number> {
  const names = new Map([['root', 0]]);
  for (const line of (content?.toString('latin1') ?? '').split('\n', LINES_MAX)) {
    const [, name, id] = LINE.exec(line) ?? [];
    if (name !== undefined && !names.has(name)) names.set(name, Number(id));
  }
  return names;
}

/** An entry with the owner that it has in the image, and the names that are not known yet. */
export interface OwnedEntry {
  readonly uid: number;
  readonly gid: number;
  /** A name that only a script of the package may create; empty for none. */
  readonly unknownUser: string;
  readonly unknownGroup: string;
}

/** Looks the names of an entry's owner up: they count, and the numbers of an archive only where a name is not known. */
export function resolveOwner(entry: LayerEntry, names: OwnerNames): OwnedEntry {
  const { userName = '', groupName = '' } = entry;
  const uid = names.users.get(userName);
  const gid = names.groups.get(groupName);
  return {
    uid: uid ?? entry.uid,
    gid: gid ?? entry.gid,
    unknownUser: uid === undefined ? userName : '',
    unknownGroup: gid === undefined ? groupName : '',
  };
}
