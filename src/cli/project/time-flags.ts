import { parseAge } from '../../util/quantities.ts';
import { usageError } from '../usage-error.ts';

/**
 * Reads a time of a flag: seconds, as Compose has them, or `90s`, `5m`, `1h`. Returns milliseconds, null without the flag.
 * @throws {GondolinError} CLI_USAGE
 */
export function readTimeFlag(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const timeMs = /^\d{1,7}$/.test(text) ? Number(text) * 1000 : parseAge(text);
  if (timeMs !== undefined) return timeMs;
  throw usageError(`${flag} ${JSON.stringify(text)}: want seconds, or a time such as 90s or 5m`);
}

/** Reads `--since`: a time ago (`10m`), or a moment in ISO 8601. Returns milliseconds since 1970, null without it. @throws {GondolinError} CLI_USAGE */
export function readSince(text: string | undefined, nowMs: number): number | null {
  if (text === undefined) return null;
  const ageMs = parseAge(text);
  if (ageMs !== undefined) return nowMs - ageMs;
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw usageError(
    `--since ${JSON.stringify(text)}: want a time ago such as 10m, or a moment such as 2026-01-31T12:00:00Z`,
  );
}

/** Reads a count of lines; `all`, and no flag, are null. @throws {GondolinError} CLI_USAGE */
export function readTail(text: string | undefined): number | null {
  if (text === undefined || text === 'all') return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usageError(`--tail ${JSON.stringify(text)}: want a number of lines, or all`);
}
