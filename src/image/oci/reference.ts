import {
  type DefaultRegistry,
  type ImageReferenceText,
  parseImageReference,
} from '../../address/parse-image-reference.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** An image in a registry, with everything filled in. */
export interface RegistryReference extends ImageReferenceText {
  readonly registry: string;
  /** Null only if there is a digest, which wins over the tag. */
  readonly tag: string | null;
}

/**
 * Reads a reference and fills in what is left out: the registry, and the tag `latest` where there is no digest.
 *
 * @param fallback  The registry of names without one; null for none.
 * @throws {GondolinError} IMAGE_REFERENCE_INVALID; IMAGE_REGISTRY_UNSET for a name without a registry when there is none
 * to fall back to.
 */
export function parseReference(text: string, fallback: DefaultRegistry | null): RegistryReference {
  const shown = text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 300);
  const { reference, problem } = parseImageReference(text);
  if (problem !== undefined) {
    const message = `Cannot use the image "${shown}": ${problem}`;
    throw new GondolinError('IMAGE_REFERENCE_INVALID', message);
  }
  const { registry, repository, digest } = reference;
  const tag = reference.tag ?? (digest === null ? 'latest' : null);
  if (registry !== null) return { registry, repository, tag, digest };
  if (fallback === null) {
    throw new GondolinError(
      'IMAGE_REGISTRY_UNSET',
      `Cannot pull "${shown}": it names no registry, and none is set for names without one`,
    );
  }
  const isShort = !repository.includes('/') && fallback.namespace !== '';
  const path = isShort ? `${fallback.namespace}/${repository}` : repository;
  return { registry: fallback.registry, repository: path, tag, digest };
}

/** Returns the whole reference: `registry.example.com/team/app:1`, with the digest where there is one. */
export function formatReference({ registry, repository, tag, digest }: RegistryReference): string {
  const at = digest === null ? '' : `@${digest}`;
  return `${registry}/${repository}${tag === null ? '' : `:${tag}`}${at}`;
}
