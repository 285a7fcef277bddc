import { CODES, type ErrorCode } from './codes.ts';

const BRAND: unique symbol = Symbol.for('gondolin.error');

/**
 * The place of a problem in a file. `line` and `col` are 1-based.
 *
 * @example
 * const show = ({ file, line, col }: SourcePlace) => `${file}:${line}:${col}`;
 */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly col: number;
}

/**
 * Optional facts of an error. `details` is small plain data that is safe to print: no secrets, no bytes of the guest.
 *
 * @example
 * const facts: ErrorFacts = { hint: 'a machine has 1 to 64', details: { cpus: 65 } };
 * throw new GondolinError('VM_BAD_OPTION', 'option cpus: got 65', facts);
 */
export interface ErrorFacts {
  readonly hint?: string;
  readonly at?: SourcePlace;
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * The one error class. Anything else that escapes is a bug and exits 125 with its stack.
 * Works across two installed copies of the package: use `GondolinError.is`, not `instanceof`.
 *
 * @example
 * try {
 *   await vm.exec(['make', 'test'], { timeoutMs: 60_000 });
 * } catch (error) {
 *   if (GondolinError.is(error)) console.error(error.code, error.message, error.hint);
 * }
 */
export class GondolinError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  /** Exit code for the command line, from the table in `codes.ts`. */
  readonly exit: number;
  readonly at: SourcePlace | undefined;
  readonly details: ErrorFacts['details'];

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.hint = facts.hint ?? CODES[code].hint;
    this.exit = CODES[code].exit;
    this.at = facts.at;
    this.details = facts.details;
    Object.defineProperty(this, BRAND, { value: true });
  }

  override get name(): string {
    return 'GondolinError';
  }

  /** True for a GondolinError of any installed copy. Never throws. */
  static is(value: unknown): value is GondolinError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
