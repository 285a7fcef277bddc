import type { ErrorCode } from '../../errors/codes.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';

const SHOWN_MAX = 200;

/** Shows text of a mirror: printable ASCII, not too long, in quotes. */
export function quotedText(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return `"${printable.length > SHOWN_MAX ? `${printable.slice(0, SHOWN_MAX)}…` : printable}"`;
}

/** Refuses what a mirror served, or asks for what is missing. */
export function alpineError(code: ErrorCode, problem: string, cause?: unknown): GondolinError {
  return new GondolinError(code, `Cannot build the Alpine image: ${problem}`, { cause });
}
