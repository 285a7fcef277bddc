import type { EnsureImageOptions } from '../guest-image.ts';
import { parseDocument } from '../oci/documents/manifest.ts';
import { openRegistries } from '../oci/open-registry.ts';
import { formatReference, parseReference } from '../oci/reference.ts';
import type { LockedImage } from './lock-file.ts';

export interface LookUpOptions
  extends Pick<EnsureImageOptions, 'env' | 'environment' | 'transferLimits'> {
  readonly signal: AbortSignal;
  /** Called before each look-up with the whole reference. */
  readonly onLookUp: (reference: string) => void;
}

/**
 * Asks the registries what references mean now. Downloads no layer.
 *
 * @returns By reference, as it was given.
 * @throws {GondolinError} IMAGE_REFERENCE_*, IMAGE_REGISTRY_*, IMAGE_CREDENTIALS_FAILED, IMAGE_DIGEST_MISMATCH,
 * IMAGE_MANIFEST_INVALID.
 */
export async function lookUpDigests(
  references: readonly string[],
  { signal, onLookUp, ...options }: LookUpOptions,
): Promise<Record<string, LockedImage>> {
  const registries = await openRegistries(options, signal);
  try {
    const found: [string, LockedImage][] = [];
    for (const text of references) {
      const reference = parseReference(text, registries.settings.default);
      const name = formatReference(reference);
      onLookUp(name);
      const client = await registries.client();
      const what = reference.digest ?? reference.tag ?? '';
      const { bytes, digest } = await client.fetchDocument(reference, what);
      // A page of a wrong server must not get into the lock.
      parseDocument(bytes, name);
      found.push([text, { digest }]);
    }
    return Object.fromEntries(found);
  } finally {
    await registries.close();
  }
}
