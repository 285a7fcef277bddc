import { GondolinError } from '../../errors/gondolin-error.ts';

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
  readonly kind: 'kernel' | 'rootfs' | 'initramfs' | 'image';
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
const FILES_MAX = 16;
const TITLE_MAX_CHARS = 1000;

const RELEASES = {
  kernel: /^[A-Za-z0-9._+~-]{1,64}$/,
  image: /^[A-Za-z0-9._+~-]{1,64}$/,
  rootfs: /^[A-Za-z0-9._+~-]{0,64}$/,
  initramfs: /^$/,
};

/**
 * Reads a manifest. Untrusted: every field is checked, and `files` must have exactly the wanted names, so that
 * no name of the text is ever used as a path.
 *
 * @throws {GondolinError} IMAGE_INVALID naming the first field that is wrong.
 */
export function parseManifest(
  text: string,
  kind: Manifest['kind'],
  fileNames: readonly string[],
): Manifest {
  const value = parseObject(text);
  check(value['version'] === 1, 'version is not 1');
  check(value['kind'] === kind, `kind is not '${kind}'`);
  const key = stringField(value, 'key', kind === 'image' ? /^$/ : /^[0-9a-f]{64}$/);
  const title = stringField(value, 'title', /^[\x20-\x7e]*$/);
  check(title.length <= TITLE_MAX_CHARS, 'title is too long');
  const createdAtMs = value['createdAtMs'];
  check(isCount(createdAtMs, Number.MAX_SAFE_INTEGER), 'createdAtMs is not a time');
  const release = stringField(value, 'kernelRelease', RELEASES[kind]);
  const files = parseFiles(value['files'], fileNames);
  return { version: 1, kind, key, title, createdAtMs, kernelRelease: release, files };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is not JSON', cause);
  }
  check(isRecord(value), 'it is not an object');
  return value;
}

function parseFiles(value: unknown, names: readonly string[]): Record<string, FileDigest> {
  check(isRecord(value), 'files is not an object');
  const found = Object.keys(value);
  check(
    found.length <= FILES_MAX && found.toSorted().join() === names.toSorted().join(),
    `files are not ${names.join(', ')}`,
  );
  return Object.fromEntries(names.map((name) => [name, parseDigest(name, value[name])]));
}

function parseDigest(name: string, value: unknown): FileDigest {
  check(isRecord(value), `files.${name} is not an object`);
  const { sizeBytes, sha256 } = value;
  check(
    isCount(sizeBytes, FILE_MAX_BYTES) && sizeBytes > 0,
    `files.${name}.sizeBytes is not a size`,
  );
  check(
    typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256),
    `files.${name}.sha256 is not a digest`,
  );
  return { sizeBytes, sha256 };
}

function stringField(value: Record<string, unknown>, name: string, pattern: RegExp): string {
  const field = value[name];
  check(typeof field === 'string' && pattern.test(field), `${name} is not of its form`);
  return field;
}

function isCount(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function check(isTrue: boolean, problem: string): asserts isTrue {
  if (!isTrue) throw invalid(problem);
}

function invalid(problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_INVALID', `Cannot read the manifest of an image: ${problem}`, {
    cause,
  });
}
