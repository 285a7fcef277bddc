import { type Arch, choosePlatform } from '../documents/choose-platform.ts';
import { type ImageManifest, manifestInvalid, parseDocument } from '../documents/manifest.ts';

/** Indexes within indexes that are followed. */
const DEPTH_MAX = 4;

/** A manifest and its digest. */
export interface FoundManifest {
  readonly digest: string;
  readonly manifest: ImageManifest;
}

/**
 * Goes from a document to the manifest for a platform, by the indexes between them.
 * @param fetch  Gives the bytes of a document, checked against its digest.
 * @throws {GondolinError} IMAGE_MANIFEST_INVALID, IMAGE_PLATFORM_MISSING.
 */
export async function findManifest(
  start: { readonly bytes: Buffer; readonly digest: string },
  arch: Arch,
  name: string,
  fetch: (digest: string) => Promise<Buffer>,
): Promise<FoundManifest> {
  let { bytes, digest } = start;
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const document = parseDocument(bytes, name);
    if (document.kind === 'manifest') return { digest, manifest: document };
    digest = choosePlatform(document, arch, name).digest;
    bytes = await fetch(digest);
  }
  throw manifestInvalid(name, `its indexes are nested more than ${DEPTH_MAX} deep`);
}
