import type { ErrorCode } from '../errors/codes.ts';
import { EXIT } from '../errors/codes.ts';
import { type ErrorFacts, GondolinError, type SourcePlace } from '../errors/gondolin-error.ts';

/** An error as plain data: what events, results and `--format json` carry. */
export interface ErrorData {
  /** A code of the closed table; `BUG` for anything that was not raised on purpose. */
  readonly code: ErrorCode | 'BUG';
  readonly message: string;
  readonly hint: string;
  /** Exit code of the command line, 1..255. */
  readonly exit: number;
  readonly at: SourcePlace | null;
  readonly details: NonNullable<ErrorFacts['details']> | null;
  /** Only of a bug: where it came from. */
  readonly stack: string | null;
}

const BUG_HINT = 'This is a bug in gondolin: please report it with the lines above.';

/** Plain data of anything thrown. Never throws. */
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
