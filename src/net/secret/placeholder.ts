import { createHmac, randomBytes } from 'node:crypto';
import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * Prefix of every placeholder, so that one search finds them all. It has only letters, digits and `_`, which no encoder of
 * URLs, JSON, HTML or a shell changes.
 */
export const PLACEHOLDER_PREFIX = 'GONDOLIN_SECRET_';
const DIGITS = 32;
/** Length in characters, equal for all placeholders and independent of the value. */
export const PLACEHOLDER_LENGTH = PLACEHOLDER_PREFIX.length + DIGITS;
const MIN_SEED_BYTES = 16;

/** Returns a new seed for the placeholders of one VM. Not secret, but different for each VM. */
export function createPlaceholderSeed(): Buffer {
  return randomBytes(32);
}

/**
 * Returns the text that represents a secret in the guest's environment: `GONDOLIN_SECRET_` + 32 hex digits. It is equal for
 * equal seeds and names, so that a restored machine keeps its placeholders, and does not depend on the value.
 * @param seed  At least 16 bytes; the seed of the VM, or the one saved with its snapshot.
 * @throws {GondolinError} NET_SECRET_INVALID when the seed is shorter.
 */
export function createPlaceholder(name: string, seed: Uint8Array): string {
  if (seed.byteLength < MIN_SEED_BYTES) {
    throw new GondolinError(
      'NET_SECRET_INVALID',
      `The placeholder seed has ${seed.byteLength} bytes, want at least ${MIN_SEED_BYTES}`,
    );
  }
  const digest = createHmac('sha256', seed).update(`gondolin placeholder\0${name}`).digest('hex');
  return `${PLACEHOLDER_PREFIX}${digest.slice(0, DIGITS)}`;
}
