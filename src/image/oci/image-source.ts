import { isAbsolute } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';

/** The place that an OCI image comes from. */
export type ImageSource =
  | { readonly kind: 'registry'; readonly reference: string }
  /** A directory in OCI's layout. `name` chooses one of its images. */
  | { readonly kind: 'layout'; readonly path: string; readonly name: string | null }
  /** A file of `docker save` or `podman save`. */
  | { readonly kind: 'archive'; readonly path: string; readonly name: string | null };

const PATHS = { 'oci-layout:': 'layout', 'docker-archive:': 'archive' } as const;

/**
 * Reads `oci:` of an image: a reference, `oci-layout:DIRECTORY[:NAME]` or `docker-archive:FILE[:NAME]`. The first colon
 * ends the path.
 *
 * @throws {GondolinError} IMAGE_REFERENCE_INVALID for a path that is missing or not absolute.
 */
export function parseImageSource(text: string): ImageSource {
  for (const [prefix, kind] of Object.entries(PATHS)) {
    if (!text.startsWith(prefix)) continue;
    const [path = '', ...names] = text.slice(prefix.length).split(':');
    const name = names.length === 0 ? null : names.join(':');
    if (isAbsolute(path)) return { kind, path, name };
    throw new GondolinError(
      'IMAGE_REFERENCE_INVALID',
      `Cannot use the image "${text}": want ${prefix}/ABSOLUTE/PATH`,
    );
  }
  return { kind: 'registry', reference: text };
}
