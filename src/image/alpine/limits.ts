/**
 * Bounds on what a mirror may serve. An index is checked against a signature before it is read, and a package against the
 * index; these hold for both nevertheless. The files of packages have those of `oci/layer/limits.ts` besides.
 */
export const ALPINE_LIMITS = {
  /** An index as it is served, and decompressed. */
  indexBytes: 64 * 1024 * 1024,
  indexTextBytes: 256 * 1024 * 1024,
  /** Packages of one repository, the length of a line about one, and the words in it. */
  indexPackages: 200_000,
  lineBytes: 1024 * 1024,
  lineWords: 20_000,
  /** A package as it is served. */
  packageBytes: 4 * 1024 ** 3,
  /** Signatures and control part of a package, as they are served and decompressed. */
  controlBytes: 16 * 1024 * 1024,
  controlTextBytes: 64 * 1024 * 1024,
  /** Packages of an image, and choices that are tried to find them. */
  packages: 10_000,
  choices: 30_000,
  /** Keys in a directory, and the length of one. */
  keys: 256,
  keyBytes: 16 * 1024,
} as const;
