import { GondolinError } from '../../errors/gondolin-error.ts';
import { type Decoder, decodeValue, JsonFieldError, text } from '../../util/json-decoder.ts';

/** Returns the error for a saved state that does not fit or is malformed: any program of the user can write one. */
export function refuseState(problem: string): GondolinError {
  return new GondolinError(
    'SNAPSHOT_REFUSED',
    `The saved state of the mounts is damaged: ${problem}`,
  );
}

/** Reads a part of a saved state. @throws {GondolinError} SNAPSHOT_REFUSED naming the field that is malformed. */
export function readState<T>(value: unknown, decoder: Decoder<T>): T {
  const decoded = decodeValue(value, decoder);
  if (!decoded.ok) throw refuseState(decoded.problem);
  return decoded.value;
}

/** An integer of up to 20 digits as decimal text for `BigInt`: a JSON number cannot hold 64 bits. */
export const digits: Decoder<string> = text({ pattern: /^-?\d{1,20}$/ });

const MAX_NAME_LENGTH = 255;
const anyName = text({ maxLength: MAX_NAME_LENGTH });

/** One path component, one character per byte, by the same rules as names from the guest. */
export const savedName: Decoder<string> = (value, field) => {
  const name = anyName(value, field);
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0\u0100-\uffff]/.test(name);
  if (!isName) throw new JsonFieldError(field, value, 'the name of a file');
  return name;
};
