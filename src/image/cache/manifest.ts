import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  type Decoder,
  decodeJson,
  integer,
  literal,
  object,
  record,
  sha256,
  text,
} from '../../util/json-decoder.ts';

/** Size and digest of one file. */
export interface FileDigest {
  /** 1..FILE_MAX_BYTES. */
  readonly sizeBytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** `manifest.json`: what a directory of image files holds. */
export interface Manifest {
  readonly version: 1;
  /** `image` is a whole one in a directory of the user's; the others are cache entries. */
  readonly kind: 'kernel' | 'rootfs' | 'initramfs' | 'layer' | 'image';
  /** Cache key, 64 hex digits; empty for `image`. */
  readonly key: string;
  /** For people, e.g. `debian bookworm + git`. At most 1,000 characters, printable. */
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** `uname -r` of a kernel or image, and of the modules in a root file system that has them; empty for the others. */
  readonly kernelRelease: string;
  readonly files: Readonly<Record<string, FileDigest>>;
}

/** 64 KiB: a manifest has a dozen lines. */
export const MANIFEST_MAX_BYTES = 64 * 1024;
const FILE_MAX_BYTES = 1024 ** 4;
const TITLE_MAX_CHARS = 1000;

/** Returns a text as a title of a manifest may be: printable ASCII, 1,000 characters. */
export function printableTitle(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, TITLE_MAX_CHARS);
}

const RELEASES = {
  kernel: /^[A-Za-z0-9._+~-]{1,64}$/,
  image: /^[A-Za-z0-9._+~-]{1,64}$/,
  rootfs: /^[A-Za-z0-9._+~-]{0,64}$/,
  initramfs: /^$/,
  layer: /^$/,
};

/**
 * Reads a manifest. Untrusted: every field is checked, and `files` must have exactly the wanted names, so that
 * no name of the text is ever used as a path.
 *
 * @throws {GondolinError} IMAGE_INVALID naming the first field that is wrong.
 */
export function parseManifest(
  json: string,
  kind: Manifest['kind'],
  fileNames: readonly string[],
): Manifest {
  const decoded = decodeJson(json, manifestDecoder(kind, fileNames));
  if (decoded.ok) return decoded.value;
  throw invalid(decoded.problem);
}

const fileDigest = object<FileDigest>({
  sizeBytes: integer({ min: 1, max: FILE_MAX_BYTES }),
  sha256,
});

function manifestDecoder(kind: Manifest['kind'], fileNames: readonly string[]): Decoder<Manifest> {
  return object<Manifest>({
    version: literal(1),
    kind: literal(kind),
    key: kind === 'image' ? literal('') : sha256,
    title: text({ pattern: /^[\x20-\x7e]*$/, maxLength: TITLE_MAX_CHARS }),
    createdAtMs: integer(),
    kernelRelease: text({ pattern: RELEASES[kind] }),
    files: record(fileNames, fileDigest),
  });
}

function invalid(problem: string): GondolinError {
  return new GondolinError('IMAGE_INVALID', `Cannot read the manifest of an image: ${problem}`);
}
