import type { SshStats } from '../ssh-guest.ts';

/** Letters of `ls -l` by the type bits of a mode. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [0o010000, 'p'],
  [0o020000, 'c'],
  [0o040000, 'd'],
  [0o060000, 'b'],
  [0o100000, '-'],
  [0o120000, 'l'],
  [0o140000, 's'],
]);

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const HALF_YEAR_MS = 183 * 24 * 3600 * 1000;

/** Three characters for the permissions of one class; `special` is the character of its set-id or sticky bit. */
function triple(bits: number, isSpecial: boolean, special: string): string {
  const execute = (bits & 1) !== 0;
  const last = isSpecial ? (execute ? special : special.toUpperCase()) : execute ? 'x' : '-';
  return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
}

/** `-rw-r--r--`. */
function modeText(mode: number): string {
  return [
    TYPES.get(mode & 0o170000) ?? '?',
    triple(mode >> 6, (mode & 0o4000) !== 0, 's'),
    triple(mode >> 3, (mode & 0o2000) !== 0, 's'),
    triple(mode, (mode & 0o1000) !== 0, 't'),
  ].join('');
}

function timeText(timeMs: number, nowMs: number): string {
  const date = new Date(timeMs);
  if (Number.isNaN(date.getTime())) return 'Jan  1  1970';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)}`;
  const isRecent = timeMs <= nowMs && nowMs - timeMs < HALF_YEAR_MS;
  const rest = isRecent
    ? `${two(date.getHours())}:${two(date.getMinutes())}`
    : ` ${date.getFullYear()}`;
  return `${day} ${rest}`;
}

/** The line of `ls -l` that clients print for `ls -l`; owners are numbers, since their names are the guest's. */
export function longName(name: Uint8Array, stats: SshStats, nowMs: number): Buffer {
  const pad = (value: number, width: number) => String(value).padEnd(width);
  const start = [
    modeText(stats.mode),
    String(stats.nlink).padStart(4),
    pad(stats.uid, 8),
    pad(stats.gid, 8),
    String(stats.size).padStart(8),
    timeText(stats.mtimeMs, nowMs),
  ].join(' ');
  return Buffer.concat([Buffer.from(`${start} `), name]);
}
