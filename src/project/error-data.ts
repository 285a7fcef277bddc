import type { ErrorCode } from '../errors/codes.ts';
import { EXIT } from '../errors/codes.ts';
import { type ErrorFacts, GondolinError, type SourcePlace } from '../errors/gondolin-error.ts';

/** An error as plain data, for events, results and `--format json`. */
export interface ErrorData {
  /** A code of the closed table; `BUG` for an error that was not raised on purpose. */
  readonly code: ErrorCode | 'BUG';
  readonly message: string;
  readonly hint: string;
  /** Exit code of the command line, 1..255. */
  readonly exit: number;
  readonly at: SourcePlace | null;
  readonly details: NonNullable<ErrorFacts['details']> | null;
  /** Where a bug was thrown; null for other errors. */
  readonly stack: string | null;
}

const BUG_HINT = 'This is a bug in gondolin: please report it with the output above.';

/** Converts anything thrown to plain data. Never throws. */
export function toErrorData(error: unknown): ErrorData {
  if (GondolinError.is(error)) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      exit: error.exit,
      at: error.at ?? null,
      details: error.details ?? null,
      stack: null,
    };
  }
  return {
    code: 'BUG',
    message: error instanceof Error ? error.message : String(error),
    hint: BUG_HINT,
    exit: EXIT.runner,
    at: null,
    details: null,
    stack: error instanceof Error ? (error.stack ?? null) : null,
  };
}
