/** Ids that building an image takes: Debian's users and groups go up to 65534 (`nobody`). */
export const SUBORDINATE_IDS_NEEDED = 65_536;
/** useradd's own start (login.defs(5), SUB_UID_MIN). */
const FIRST_ID = 100_000;

interface Range {
  readonly owner: string;
  readonly first: number;
  readonly count: number;
}

/** Lines `USER:FIRST:COUNT`, the user by name or number (subuid(5)); broken ones are left out. */
function parseRanges(text: string): Range[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([^:]+):(\d{1,10}):(\d{1,10})\s*$/.exec(line.trim());
    if (match === null) return [];
    const [, owner = '', first, count] = match;
    return [{ owner, first: Number(first), count: Number(count) }];
  });
}

/** Returns true if a text of /etc/subuid or /etc/subgid gives this user a range that an image build can use. Pure. */
export function hasSubordinateRange(text: string, userName: string, uid: number): boolean {
  return parseRanges(text).some(
    ({ owner, count }) =>
      (owner === userName || owner === String(uid)) && count >= SUBORDINATE_IDS_NEEDED,
  );
}

/**
 * Returns the command that gives the user ids which are unused in these texts of /etc/subuid and /etc/subgid: two users
 * who share ids could change the files of each other's images. Pure.
 */
export function addSubordinateIdsCommand(
  userName: string,
  texts: readonly [subuid: string, subgid: string],
): string {
  const taken = texts.flatMap(parseRanges).map(({ first, count }) => first + count);
  const first = Math.max(FIRST_ID, ...taken);
  const range = `${first}-${first + SUBORDINATE_IDS_NEEDED - 1}`;
  return `usermod --add-subuids ${range} --add-subgids ${range} ${userName}`;
}
