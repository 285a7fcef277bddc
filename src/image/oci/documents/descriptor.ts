import { integer, object, text } from '../../../util/json-decoder.ts';

/** Names a blob of an image. @see OCI image-spec descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes, 1..BLOB_MAX_BYTES. */
  readonly size: number;
}

/** Largest blob that is downloaded. */
const BLOB_MAX_BYTES = 32 * 1024 ** 3;

/** `sha256:` and 64 hex digits: other digests are allowed by the specification, and used by nobody. */
export const digestText = text({ pattern: /^sha256:[0-9a-f]{64}$/ });
export const mediaType = text({ pattern: /^[\x21-\x7e]+$/, maxLength: 255 });

export const descriptor = object<Descriptor>({
  mediaType,
  digest: digestText,
  size: integer({ min: 1, max: BLOB_MAX_BYTES }),
});
