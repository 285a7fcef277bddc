import { CODES, type ErrorCode } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { type Decoder, object, text } from '../util/json-decoder.ts';

/** An error as it travels between an owner and a client. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export const wireError: Decoder<WireError> = object<WireError>({
  code: text(),
  message: text(),
  hint: text(),
});

/** Returns an error as plain data; anything but a GondolinError becomes SESSION_FAILED with its message. */
export function errorData(error: unknown): WireError {
  const { code, message, hint } = GondolinError.is(error)
    ? error
    : new GondolinError('SESSION_FAILED', error instanceof Error ? error.message : String(error));
  return { code, message, hint };
}

function isKnownCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code);
}

/** Returns the error that an owner sent; one of a newer version with an unknown code becomes SESSION_FAILED. */
export function toError({ code, message, hint }: WireError): GondolinError {
  if (isKnownCode(code)) return new GondolinError(code, message, { hint });
  return new GondolinError('SESSION_FAILED', `the other gondolin: ${code}: ${message}`);
}
