import { inspect } from 'node:util';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** Node refuses header lines above 16 KiB, so a longer value could not be sent. */
export const MAX_SECRET_BYTES = 8 * 1024;
/** Shorter values would match any response by chance, and scrubbing would let a guest guess them. */
const MIN_SECRET_BYTES = 4;
/** From this length on, chance matches are out of the question in every encoded form. */
export const SAFE_SECRET_BYTES = 8;

const REDACTED = '[secret]';

/** A credential that printing, JSON and string conversion do not show; only `reveal()` returns it. */
export class SecretValue {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the text, for upstream headers and for search patterns. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

function valueProblem(text: string): string | null {
  const length = Buffer.byteLength(text);
  if (length === 0) return 'its value is empty';
  if (length < MIN_SECRET_BYTES) {
    return `its value has ${length} bytes, want at least ${MIN_SECRET_BYTES}: a value this short cannot be scrubbed from responses`;
  }
  if (length > MAX_SECRET_BYTES) {
    return `its value has ${length} bytes, want at most ${MAX_SECRET_BYTES}`;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are invalid in a header
  if (/[\x00-\x1f\x7f]/.test(text)) {
    return 'its value contains a line end or another control character, which no HTTP header can carry';
  }
  if (text !== text.trim()) return 'its value starts or ends with white space, which HTTP strips';
  // Invalid Unicode is replaced when it is written, which would change the value.
  return Buffer.from(text, 'utf8').toString('utf8') === text && !text.includes('\ufffd')
    ? null
    : 'its value is not valid Unicode';
}

/**
 * Returns a value that an HTTP header can carry and that can be found in a response.
 * @param name  Name of the secret, for messages.
 * @throws {GondolinError} NET_SECRET_INVALID when it is empty, too short or long, or contains what HTTP cannot carry.
 *   The message never contains any of it.
 */
export function checkSecretValue(name: string, text: string): SecretValue {
  const problem = valueProblem(text);
  if (problem !== null) throw new GondolinError('NET_SECRET_INVALID', `Secret ${name}: ${problem}`);
  return new SecretValue(text);
}

/** Returns a warning about a weak value that is accepted, or null. */
export function weaknessWarning(name: string, value: SecretValue): string | null {
  const length = Buffer.byteLength(value.reveal());
  if (length >= SAFE_SECRET_BYTES) return null;
  return `Secret ${name} has only ${length} bytes: responses are searched only for its plain and escaped forms, and a guest may guess it. Want at least ${SAFE_SECRET_BYTES}.`;
}
