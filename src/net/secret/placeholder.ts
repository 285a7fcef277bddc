import { createHmac, randomBytes } from 'node:crypto';
import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * Starts every placeholder: one search finds them all. Only letters, digits and `_`, which no encoder of URLs, JSON,
 * HTML or a shell changes.
 */
export const PLACEHOLDER_PREFIX = 'GONDOLIN_SECRET_';
const DIGITS = 32;
/** In characters; the same for every placeholder, whatever the value is. */
export const PLACEHOLDER_LENGTH = PLACEHOLDER_PREFIX.length + DIGITS;
const MIN_SEED_BYTES = 16;

/** A fresh seed for the placeholders of one VM. Not secret, but new for each VM. */
export function createPlaceholderSeed(): Buffer {
  return randomBytes(32);
}

/**
 * What stands in the guest's environment for a secret: `GONDOLIN_SECRET_` + 32 hex digits. The same for the same seed and
 * name, so that a machine restored from a snapshot keeps using the ones it knows; depends on nothing of the value.
 * @param seed  At least 16 bytes; of the VM, or saved with its snapshot.
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
