import { createHash } from 'node:crypto';
import { GondolinError } from '../../../errors/gondolin-error.ts';

/** @throws {GondolinError} IMAGE_DIGEST_MISMATCH when the bytes are others. */
export function checkDigest(bytes: Buffer, wanted: string, name: string): void {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (digest === wanted) return;
  throw new GondolinError(
    'IMAGE_DIGEST_MISMATCH',
    `Cannot use the image ${name}: a document has the digest ${digest}, want ${wanted}`,
  );
}
