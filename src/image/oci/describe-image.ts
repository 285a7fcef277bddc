import { resolve } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { EnsureImageOptions } from '../guest-image.ts';
import type { OciRecipe } from '../recipe.ts';
import type { ImageConfigDocument } from './documents/image-config.ts';
import { parseImageConfig } from './documents/image-config.ts';
import { resolveLocal } from './find-image.ts';
import { parseImageSource } from './image-source.ts';
import { openRegistries } from './open-registry.ts';
import { formatReference, parseReference } from './reference.ts';
import { readReferenceRecord } from './reference-record.ts';

/** The facts that this machine has of an OCI image. */
export interface OciDescription extends ImageConfigDocument {
  /** The whole reference, or `oci-layout:` or `docker-archive:` with an absolute path. */
  readonly name: string;
  /** Digest of the manifest for `arch`. `sha256:` and 64 hex digits, as the next. */
  readonly digest: string;
  /** Digest of what the reference names: of the index, if there is one. */
  readonly sourceDigest: string;
  readonly arch: OciRecipe['arch'];
  /** Milliseconds since 1970; null for an image that is no registry's. */
  readonly pulledAtMs: number | null;
}

/**
 * Describes an image as it was pulled last, without asking its registry.
 *
 * @param text  As `oci:` of an image; a relative path is one below `cwd`.
 * @throws {GondolinError} IMAGE_REFERENCE_INVALID, IMAGE_REGISTRY_UNSET, IMAGE_NOT_PULLED, and those of local images.
 */
export async function describeOciImage(
  text: string,
  options: Pick<EnsureImageOptions, 'cacheDirectory' | 'env'> & {
    readonly arch: OciRecipe['arch'];
    readonly cwd: string;
  },
): Promise<OciDescription> {
  const { arch, cacheDirectory, cwd } = options;
  const [, form = '', path = ''] = /^(oci-layout:|docker-archive:)(.+)$/s.exec(text) ?? [];
  const whole = form === '' ? text : `${form}${resolve(cwd, path)}`;
  const source = parseImageSource(whole);
  if (source.kind !== 'registry') {
    const { digest, sourceDigest, config } = await resolveLocal({ arch }, source);
    const document = parseImageConfig(config, arch, whole);
    return { ...document, name: whole, digest, sourceDigest, arch, pulledAtMs: null };
  }
  const { settings } = await openRegistries(options, new AbortController().signal);
  const name = formatReference(parseReference(source.reference, settings.default));
  const record = await readReferenceRecord(cacheDirectory, name, arch);
  if (record === null) {
    throw new GondolinError('IMAGE_NOT_PULLED', `Cannot describe ${name}: it was not pulled yet`);
  }
  const { digest, sourceDigest, pulledAtMs } = record;
  const document = parseImageConfig(Buffer.from(record.config), arch, name);
  return { ...document, name, digest, sourceDigest, arch, pulledAtMs };
}
